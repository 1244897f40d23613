// What Manage Employees can do without, a little nicer: search as you type, a token by SMS without leaving the
// form, a passcode copied, and a sign of life while a long import runs.
'use strict';

function searches(field) {
  let timer, newest = 0;
  const form = field.form;
  field.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++newest;
      const query = new URLSearchParams(new FormData(form));
      const address = form.getAttribute('action') + '?' + query;
      try {
        const answer = await fetch(address, { headers: { Accept: 'text/html' } });
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        const fresh = page.getElementById('found');
        if (mine !== newest) return;
        if (!fresh) return location.assign(address);
        document.getElementById('found').replaceChildren(...fresh.childNodes);
        history.replaceState(null, '', address);
        dress(document.getElementById('found'));
      } catch { /* the button still works */ }
    }, 200);
  });
}

function sendsSms(button) {
  button.addEventListener('click', async (event) => {
    event.preventDefault();
    const form = button.form, said = form.querySelector('[data-said]');
    const body = new URLSearchParams({ csrf: form.elements.csrf.value, here: form.elements.here.value });
    button.disabled = true;
    try {
      const answer = await fetch(button.formAction, { method: 'POST', body, headers: { Accept: 'text/html' } });
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const told = page.querySelector('[role=alert], .box.good');
      said.replaceChildren(...(told ? told.childNodes : ['We could not ask for a token. Try again.']));
      dress(said);
      form.elements.token.focus();
    } catch {
      said.textContent = 'We could not ask for a token. Try again.';
    }
    button.disabled = false;
  });
}

function copies(button) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const text = document.getElementById(button.dataset.copy).textContent.trim();
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  });
}

function showsProgress(form) {
  const told = form.querySelector('[data-progress]');
  const bar = told.querySelector('progress'), words = told.querySelector('span');
  let spoken = 0;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const body = new FormData(form), button = form.querySelector('.choice button');
    told.hidden = false;
    bar.hidden = false;
    button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: 'POST', body, headers: { Accept: 'application/x-ndjson' } });
      const kind = answer.headers.get('Content-Type') || '';
      // Signed out, or confirmed too long ago: the page says so itself.
      if (kind.includes('/json')) return form.submit();
      if (!kind.includes('ndjson')) return takesOver(await answer.text());
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = '', end; ;) {
        const { value, done } = await reader.read();
        if (done) throw new Error('cut off');
        text += value;
        while ((end = text.indexOf('\n')) >= 0) {
          const said = JSON.parse(text.slice(0, end));
          text = text.slice(end + 1);
          if (said.location) return location.assign(said.location);
          if (said.page) return takesOver(said.page);
          if (said.error) return stops(said.error);
          bar.max = said.of;
          bar.value = said.done;
          // Read out now and then, not with every step.
          if (performance.now() < spoken + 1000) continue;
          spoken = performance.now();
          words.textContent = told.dataset.progress === '%' ? Math.round(100 * said.done / said.of) + ' %' : said.done + ' of ' + said.of;
        }
      }
    } catch {
      stops(told.dataset.progress === '%' ? 'The connection broke. Try again.' : 'The connection broke. Look at the table before you try again.');
    }
    function stops(why) {
      words.textContent = why;
      bar.hidden = true;
      button.disabled = told.dataset.progress !== '%';
    }
  });
}

/// Shows a page that came as an answer.
function takesOver(html) {
  const page = new DOMParser().parseFromString(html, 'text/html');
  document.querySelector('main').replaceWith(page.querySelector('main'));
  document.title = page.title;
  enliven();
  dress();
  // A script that comes with a page's markup runs only where it is made anew.
  for (const old of all('main script')) {
    const script = document.createElement('script');
    script.src = old.src;
    old.replaceWith(script);
  }
  const heading = document.querySelector('h1');
  heading.tabIndex = -1;
  (document.querySelector('[aria-invalid=true]') || heading).focus();
}

const countries = 'DisplayNames' in Intl ? new Intl.DisplayNames(undefined, { type: 'region' }) : { of: (code) => code };

function enliven() {
  for (const field of all('[data-search]')) searches(field);
  for (const button of all('[data-sms]')) sendsSms(button);
  for (const button of all('[data-copy]')) copies(button);
  for (const bar of all('[data-progress]')) showsProgress(bar.closest('form'));
  for (const country of all('[data-country]')) country.textContent = countries.of(country.dataset.country);
  for (const field of all('[data-phone]')) checksPhone(field);
}

function checksPhone(field) {
  const said = document.getElementById('phone-said');
  let timer, newest = 0;
  field.addEventListener('input', () => {
    clearTimeout(timer);
    const mine = ++newest;
    if (!field.value.trim()) { said.textContent = ''; return; }
    timer = setTimeout(async () => {
      const body = new URLSearchParams({ csrf: field.form.elements.csrf.value, phone: field.value });
      try {
        const answer = await fetch('/.doorstep/admin/phone-check', { method: 'POST', body, headers: { Accept: 'application/json' } });
        const told = await answer.json();
        if (mine !== newest || !('valid' in told)) return;
        said.textContent = told.valid ? (told.country ? countries.of(told.country) + '. ' : '') + 'This number will do.' : told.error;
      } catch { /* saving checks it too */ }
    }, 400);
  });
}
enliven();

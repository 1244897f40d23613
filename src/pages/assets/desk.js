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
  form.addEventListener('submit', () => { form.querySelector('[data-progress]').hidden = false; });
}

for (const field of all('[data-search]')) searches(field);
for (const button of all('[data-sms]')) sendsSms(button);
for (const button of all('[data-copy]')) copies(button);
for (const bar of all('[data-progress]')) showsProgress(bar.closest('form'));

const countries = 'DisplayNames' in Intl ? new Intl.DisplayNames(undefined, { type: 'region' }) : { of: (code) => code };
for (const country of all('[data-country]')) country.textContent = countries.of(country.dataset.country);

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
all('[data-phone]').forEach(checksPhone);

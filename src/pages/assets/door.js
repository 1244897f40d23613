// What the pages can do without, a little nicer: times in the reader's zone, seconds that count, a pasted
// token that submits, an SMS without a reload, and word of what happened elsewhere.
'use strict';
const all = (query, root) => [...(root || document).querySelectorAll(query)];

function dress(root) {
  for (const time of all('time', root)) {
    const day = time.dataset.day === undefined ? {} : { day: 'numeric', month: 'short', year: 'numeric' };
    const zone = { hour: 'numeric', minute: '2-digit', timeZoneName: 'short' };
    time.textContent = new Intl.DateTimeFormat(undefined, { ...day, ...zone }).format(new Date(time.dateTime));
  }
  for (const count of all('[data-count]', root)) {
    count.ends = performance.now() + 1000 * count.dataset.count;
  }
}

function tick() {
  for (const count of all('[data-count]')) {
    const left = Math.max(0, Math.ceil((count.ends - performance.now()) / 1000));
    const minutes = Math.ceil(left / 60);
    const text = left < 60 ? left + ' s' : minutes + (minutes === 1 ? ' minute' : ' minutes');
    if (count.textContent !== text) count.textContent = text;
    const whole = count.closest('[data-over]');
    if (!left && whole) whole.textContent = whole.dataset.over;
  }
}

function again(link) {
  const to = new URL(link.getAttribute('href') || location.href, location.href);
  to.hash = '';
  setTimeout(() => location.replace(to), 1000 * link.dataset.again);
}

// Filled by hand, nothing submits by itself; by paste or autofill, the whole token is there at once.
function submitsWhenFilled(field) {
  field.addEventListener('input', (event) => {
    const typed = /^(insertText|insertComposition|delete|history)/.test(event.inputType || '');
    const bare = field.value.replace(/[\s-]/g, '');
    if (!typed && /^\d{6,10}$/.test(bare) && !field.form.sent) field.form.requestSubmit();
  });
  field.form.addEventListener('submit', () => { field.form.sent = true; });
  addEventListener('pageshow', () => { field.form.sent = false; });
}

async function put(answer, ids, onlyNews) {
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const parts = ids.map((id) => [document.getElementById(id), page.getElementById(id)]);
  if (parts.some(([, fresh]) => !fresh)) throw answer;
  const same = ([old, fresh]) => old.dataset.state !== undefined && old.dataset.state === fresh.dataset.state;
  if (onlyNews && parts.every(same)) return;
  document.title = page.title;
  for (const [old, fresh] of parts) {
    old.replaceChildren(...fresh.childNodes);
    if (fresh.dataset.state !== undefined) old.dataset.state = fresh.dataset.state;
    dress(old);
    all('form[data-swap]', old).forEach(swaps);
  }
}

function swaps(form) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (form.busy) return;
    form.busy = true;
    try {
      const body = new URLSearchParams(new FormData(form));
      if (form.dataset.auto !== undefined && !event.submitter) body.set('auto', '1');
      const answer = await fetch(form.action, { method: 'POST', body, headers: { Accept: 'text/html' } });
      await put(answer, form.dataset.swap.split(' '));
      document.getElementById('token').focus();
      if (!watching) all('[data-watch]').forEach((one) => watch(one.dataset.watch));
    } catch {
      location.assign('/.doorstep/challenge');
    }
  });
}

let watching = false;
const pause = (time) => new Promise((done) => { setTimeout(done, time); });
function watch(base) {
  const events = new EventSource(base + '/events');
  watching = true;
  let errors = 0;
  let polls = false;
  const stop = () => { watching = false; events.close(); };
  const refresh = async () => {
    try {
      await put(await fetch(base, { headers: { Accept: 'text/html' } }), ['push'], true);
    } catch (what) {
      // Another page stands there now. Without a connection this one stays.
      if (what instanceof Response) location.assign(base);
    }
  };
  const hear = async (status) => {
    if (status === 'pending') return;
    stop();
    if (status === 'denied') await refresh();
    if (status === 'expired') {
      document.getElementById('said').replaceChildren(document.getElementById('expired').content.cloneNode(true));
    }
  };
  const ask = async () => {
    const { status, location: to } = await (await fetch(base + '/status')).json();
    if (status === 'verified') location.assign(to || base);
    await hear(status);
  };
  // Where the stream is cut or held back, asking again and again does as well.
  const poll = async () => {
    if (polls) return;
    polls = true;
    events.close();
    while (watching) {
      await ask().catch(() => {});
      if (watching) await refresh();
      await pause(3000);
    }
  };
  const silent = setTimeout(poll, 10000);
  const heard = () => { errors = 0; clearTimeout(silent); };
  events.onerror = () => {
    errors += 1;
    if (watching && (events.readyState === EventSource.CLOSED || errors > 2)) poll();
  };
  events.addEventListener('push', (event) => {
    heard();
    const { push } = JSON.parse(event.data);
    const state = document.getElementById('push').dataset.state;
    if (state && push !== state) refresh();
  });
  events.onmessage = async (event) => {
    heard();
    const { status } = JSON.parse(event.data);
    // The stream only tells: asking is what collects.
    if (status === 'verified') await ask().catch(poll);
    else await hear(status);
  };
  addEventListener('pagehide', () => events.close());
}

dress();
setInterval(tick, 1000);
all('[data-again]').forEach(again);
all('.token').forEach(submitsWhenFilled);
all('form[data-swap]').forEach(swaps);
for (const form of all('form[data-auto]')) form.requestSubmit();
for (const line of all('[data-phones]')) {
  setInterval(async () => {
    const { phones, location: to } = await (await fetch('/.doorstep/enroll/push/status')).json();
    if (phones > line.dataset.phones) location.assign(to);
  }, 2000);
}
all('[data-watch]').forEach((form) => watch(form.dataset.watch));

all('[data-copy]').forEach((button) => {
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(all('code', document.getElementById(button.dataset.copy)).map((code) => code.textContent).join('\n'));
    button.textContent = 'Copied';
  });
});

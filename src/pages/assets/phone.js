// A phone: makes its key here, which never leaves this browser, and signs with it what its owner decides.
'use strict';
const BASE = '/.doorstep/phone/';
const byId = (id) => document.getElementById(id);
const utf8 = (text) => new TextEncoder().encode(text);
const bytes = (buffer) => [...new Uint8Array(buffer)];
const hex = (buffer) => bytes(buffer).map((byte) => byte.toString(16).padStart(2, '0')).join('');
const base64 = (buffer) => btoa(String.fromCharCode(...bytes(buffer)))
  .replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
let skew = 0;
let shown = null;
let reported = null;

// What this phone is enrolled as, with its keys.
const kept = new Promise((done, failed) => {
  const request = indexedDB.open('doorstep', 1);
  request.onupgradeneeded = () => request.result.createObjectStore('phones', { keyPath: 'id' });
  request.onsuccess = () => done(request.result);
  request.onerror = () => failed(request.error);
});
async function store(mode, act) {
  const table = (await kept).transaction('phones', mode).objectStore('phones');
  const request = act(table);
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

async function sign(key, text) {
  return base64(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, utf8(text)));
}

async function post(path, body, headers) {
  const answer = await fetch(path, {
    method: 'POST', credentials: 'omit', cache: 'no-store', body,
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...headers },
  });
  return { status: answer.status, told: await answer.json() };
}

// Asks as this phone: its key signs what is asked, where and when.
async function ask(phone, name, value, again) {
  const path = BASE + name;
  const body = JSON.stringify(value);
  const time = String(Date.now() + skew);
  const nonce = hex(crypto.getRandomValues(new Uint8Array(16)));
  const hash = hex(await crypto.subtle.digest('SHA-256', utf8(body)));
  const text = ['doorstep-phone-1', location.origin, 'POST', path, time, nonce, hash].join('\n');
  const answer = await post(path, body, {
    'Doorstep-Device': phone.id, 'Doorstep-Time': time, 'Doorstep-Nonce': nonce,
    'Doorstep-Signature': await sign(phone.key, text),
  });
  if (answer.told.error === 'clock' && !again) {
    skew = answer.told.now - Date.now();
    return ask(phone, name, value, true);
  }
  return answer;
}

function show(id) {
  for (const section of document.querySelectorAll('main > section')) section.hidden = section.id !== id;
}

function end(title, text, request) {
  shown = null;
  reported = request || null;
  byId('done-title').textContent = title;
  byId('done-text').textContent = text;
  byId('report-line').hidden = !reported;
  byId('done-token').hidden = true;
  show('done');
  byId('done-title').focus();
}

async function enrol(code) {
  show('enrol');
  const device = /iPhone|iPad|Pixel[^;)]*|SM-\w+/.exec(navigator.userAgent);
  byId('phone-name').value = device ? device[0].trim() : 'My phone';
  byId('enrol-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
    const key = base64(await crypto.subtle.exportKey('spki', pair.publicKey));
    const signature = await sign(pair.privateKey, ['doorstep-device-1', location.origin, code, key].join('\n'));
    const name = byId('phone-name').value;
    const { status, told } = await post(BASE + 'register', JSON.stringify({ code, name, key, signature }), {});
    history.replaceState(null, '', BASE);
    if (status !== 201) {
      end('Not added', status === 410 ? 'That code has run out or was used. Make a new one.' : 'That did not work.');
      return;
    }
    const phone = { ...told, key: pair.privateKey };
    await store('readwrite', (table) => table.put(phone));
    await wake(phone).catch(() => {});
    run();
  }, { once: true });
}

// Lets the browser be woken, where it can.
async function wake(phone) {
  if (!('serviceWorker' in navigator) || !('PushManager' in window)) return;
  if (await Notification.requestPermission() !== 'granted') return;
  const worker = await navigator.serviceWorker.ready;
  const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: phone.push_key });
  const { endpoint, keys } = made.toJSON();
  const { status } = await ask(phone, 'subscribe', { endpoint, p256dh: keys.p256dh, auth: keys.auth });
  if (status === 200) byId('wake').hidden = true;
}

const words = { approved: 'Approved', denied: 'Denied', reported: 'Told not to be you' };
function empty(phone, told) {
  byId('own-name').textContent = told.name;
  byId('own-login').textContent = told.login;
  byId('decided-title').hidden = !told.decided.length;
  byId('decided').replaceChildren(...told.decided.map((one) => {
    const line = document.createElement('li');
    const what = document.createElement('strong');
    what.textContent = words[one.outcome] || one.outcome;
    const where = document.createElement('span');
    where.textContent = new Date(one.at).toLocaleString() + ', ' + one.browser + ', ' + one.address;
    line.append(what, where);
    return line;
  }));
  const could = 'serviceWorker' in navigator && 'PushManager' in window && Notification.permission !== 'denied';
  byId('wake').hidden = told.alerted || !could;
  byId('wake-button').onclick = () => wake(phone).catch(() => {});
}

function alertOf(phone, request) {
  if (shown && shown.request.id === request.id) return;
  shown = { phone, request };
  byId('who').textContent = request.login;
  byId('which').textContent = request.portal;
  byId('from').textContent = request.address;
  byId('browser').textContent = request.browser;
  const when = new Date(request.sent);
  byId('when').dateTime = when.toISOString();
  byId('when').textContent = when.toLocaleString();
  byId('why').textContent = '';
  byId('digits').value = '';
  const change = request.what === 'change';
  byId('alert-title').textContent = change ? 'Do you change how you sign in?' : 'Is this you?';
  byId('to-approve').hidden = change;
  byId('to-show').hidden = !change;
  still();
  show('alert');
  byId(change ? 'show' : 'digits').focus();
}

async function decide(decision, digits, on) {
  const { phone, request } = on;
  const payload = JSON.stringify({
    v: 1, origin: location.origin, challenge: request.challenge, nonce: request.id, decision, digits,
    exp: Date.now() + skew + 60000,
  });
  return ask(phone, 'answer', { payload, signature: await sign(phone.key, payload) });
}

async function approve() {
  if (!shown || shown.busy) return;
  const digits = byId('digits').value.trim();
  if (!/^\d{2}$/.test(digits)) {
    byId('why').textContent = 'Type the two digits that the sign-in page shows.';
    byId('digits').focus();
    still();
    return;
  }
  const on = shown;
  on.busy = true;
  try {
    const { status, told } = await decide('approve', digits, on);
    if (status === 200) end('Approved', 'The sign-in goes on by itself. There is nothing more to do here.');
    else if (told.error === 'wrong_number' && told.left) {
      byId('why').textContent = 'That is not the number that the sign-in page shows. One try is left.';
      byId('digits').value = '';
      byId('digits').focus();
    } else if (told.error === 'wrong_number') end('Declined', 'The number was wrong twice, so this counts as declined.', on);
    else end('Over', 'This request has run out or was answered already.');
  } catch {
    byId('why').textContent = 'That did not get through. Try again.';
  }
  on.busy = false;
  still();
}

// A token that confirms a change: shown here, typed there.
async function showToken() {
  if (!shown || shown.busy) return;
  const on = shown;
  on.busy = true;
  try {
    const { status, told } = await ask(on.phone, 'token', { challenge: on.request.challenge, id: on.request.id });
    if (status === 200) {
      end('Your token', 'Type it on the page of the change. It works once.', on);
      byId('done-token').textContent = told.token;
      byId('done-token').hidden = false;
    } else end('Over', 'This request has run out or was answered already.');
  } catch {
    byId('why').textContent = 'That did not get through. Try again.';
  }
  on.busy = false;
}

async function deny() {
  if (!shown) return;
  const on = shown;
  const { status } = await decide('deny', '', on);
  if (status === 200) end('Denied', 'Nobody gets in with this request.', on);
  else end('Over', 'This request has run out or was answered already.');
}

async function report() {
  const { status } = await decide('report', '', reported);
  end(status === 200 ? 'Thank you' : 'Over', status === 200
    ? 'Whoever it was is signed out, and your admins can see it. Change your password now.'
    : 'That sign-in is over already.');
}

// The slider: dragged, or Enter or Space held.
const slide = byId('slide');
const thumb = byId('thumb');
let from = null;
let hold = null;
const way = () => slide.clientWidth - thumb.offsetWidth - 8;
function still() {
  clearTimeout(hold);
  hold = null;
  from = null;
  slide.classList.remove('held');
  thumb.style.transform = '';
}
slide.addEventListener('pointerdown', (event) => {
  from = event.clientX;
  slide.setPointerCapture(event.pointerId);
});
slide.addEventListener('pointermove', (event) => {
  if (from === null) return;
  thumb.style.transform = 'translateX(' + Math.max(0, Math.min(way(), event.clientX - from)) + 'px)';
});
slide.addEventListener('pointerup', (event) => {
  const far = from !== null && event.clientX - from >= way() * 0.9;
  if (far) approve(); else still();
  from = null;
});
slide.addEventListener('pointercancel', still);
slide.addEventListener('keydown', (event) => {
  if (!['Enter', ' '].includes(event.key)) return;
  event.preventDefault();
  if (event.repeat || hold) return;
  slide.classList.add('held');
  thumb.style.transform = 'translateX(' + way() + 'px)';
  hold = setTimeout(approve, 800);
});
slide.addEventListener('keyup', still);
slide.addEventListener('blur', still);
byId('approve').addEventListener('click', approve);
byId('show').addEventListener('click', showToken);
byId('deny').addEventListener('click', deny);
byId('report').addEventListener('click', report);

const pause = (time) => new Promise((done) => { setTimeout(done, time); });

async function follow(phone) {
  let known;
  let fails = 0;
  for (;;) {
    try {
      const { told } = await ask(phone, 'pending', known ? { known } : {});
      fails = 0;
      byId('offline').hidden = true;
      if (told.error === 'unknown_device') {
        await store('readwrite', (table) => table.delete(phone.id));
        run();
        return;
      }
      if (told.error) throw new Error(told.error);
      known = told.requests.map((one) => one.id);
      const mine = shown && shown.phone.id === phone.id;
      if (told.requests.length && (!shown || mine)) {
        if (!mine || !known.includes(shown.request.id)) alertOf(phone, told.requests[0]);
      } else if (mine && !shown.busy) {
        shown = null;
        empty(phone, told);
        show('empty');
      } else if (!shown) {
        empty(phone, told);
        if (byId('done').hidden) show('empty');
      }
    } catch {
      fails += 1;
      if (fails > 1 || !navigator.onLine) byId('offline').hidden = false;
      known = undefined;
      await pause(3000);
    }
  }
}

const followed = new Set();
async function run() {
  const phones = await store('readonly', (table) => table.getAll());
  if (!phones.length) show('none');
  for (const phone of phones) {
    if (followed.has(phone.id)) continue;
    followed.add(phone.id);
    follow(phone);
  }
}

addEventListener('offline', () => { byId('offline').hidden = false; });
addEventListener('hashchange', () => location.reload());
if ('serviceWorker' in navigator) navigator.serviceWorker.register(BASE + 'worker.js').catch(() => {});
const code = /^#enrol=([\w-]{16,64})$/.exec(location.hash);
if (code) enrol(code[1]); else run();

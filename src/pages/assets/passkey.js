// Asks passkeys: to sign in, to confirm a change, and to be made.
'use strict';
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const listed = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
  const said = (form, words) => {
    const line = form.querySelector('[data-passkey-said]');
    if (line) line.textContent = words;
  };
  const SORRY = 'No passkey was used. Try again, or use another way.';

  const sign = async ({ publicKey }) => {
    const options = { ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: listed(publicKey.allowCredentials) };
    const made = await navigator.credentials.get({ publicKey: options });
    const { clientDataJSON, authenticatorData, signature, userHandle } = made.response;
    return JSON.stringify({
      id: made.id, rawId: text(made.rawId), type: made.type, extensions: {},
      response: {
        clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature),
        userHandle: userHandle ? text(userHandle) : null,
      },
    });
  };

  const make = async ({ publicKey }) => {
    const options = {
      ...publicKey, challenge: bytes(publicKey.challenge), user: { ...publicKey.user, id: bytes(publicKey.user.id) },
      excludeCredentials: listed(publicKey.excludeCredentials),
    };
    const made = await navigator.credentials.create({ publicKey: options });
    const { clientDataJSON, attestationObject } = made.response;
    const transports = made.response.getTransports ? made.response.getTransports() : [];
    return JSON.stringify({
      id: made.id, rawId: text(made.rawId), type: made.type, extensions: {},
      response: { clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject), transports },
    });
  };

  // A button that asks: its answer goes into the form's field, and the form is sent.
  for (const button of document.querySelectorAll('[data-passkey]')) {
    if (!window.PublicKeyCredential) continue;
    button.hidden = false;
    button.addEventListener('click', async () => {
      const form = document.getElementById(button.dataset.form) || button.form;
      if (button.busy) return;
      button.busy = true;
      said(form, '');
      try {
        const body = new URLSearchParams({ csrf: form.elements.csrf.value });
        const answer = await fetch(button.dataset.passkey, { method: 'POST', body, headers: { Accept: 'application/json' } });
        const told = await answer.json();
        if (told.status === 'verified') return location.assign(told.location);
        if (!answer.ok) throw told;
        form.elements[button.dataset.field].value = await sign(told);
        for (const field of form.querySelectorAll('[required]')) field.required = false;
        const main = form.querySelector('button:not([type=button]):not([formaction]):not([name])');
        if (main) main.click(); else form.requestSubmit();
      } catch {
        said(form, SORRY);
      } finally {
        button.busy = false;
      }
    });
  }

  for (const form of document.querySelectorAll('[data-enrol-passkey]')) {
    form.addEventListener('submit', async (event) => {
      const asks = event.submitter && event.submitter.name;
      if (form.elements.passkey.value || asks) return;
      event.preventDefault();
      said(form, '');
      try {
        form.elements.passkey.value = await make(JSON.parse(form.dataset.enrolPasskey));
        form.requestSubmit();
      } catch (error) {
        said(form, error && error.name === 'InvalidStateError' ? 'That passkey is enrolled already.' : SORRY);
      }
    });
  }
})();

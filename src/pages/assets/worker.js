// Shows that somebody signs in, when the page is closed. The message says nothing but an id.
'use strict';
const PAGE = '/.doorstep/phone/';
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('push', (event) => {
  const id = event.data ? event.data.text() : '';
  event.waitUntil(self.registration.showNotification('Is this you?', {
    body: 'Somebody signs in with your password. Open to approve or deny.',
    tag: id, icon: PAGE + 'icon.svg', requireInteraction: true,
  }));
});
self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(self.clients.matchAll({ type: 'window' }).then((open) => {
    const page = open.find((one) => new URL(one.url).pathname === PAGE);
    return page ? page.focus() : self.clients.openWindow(PAGE);
  }));
});

// Added to the portal's pages by doorstep (step_up_script): when a request of the page is answered with the header
// Doorstep-Challenge, a second factor is owed, and the page goes there and comes back to where it was.
(() => {
  "use strict";
  const HEADER = "Doorstep-Challenge";
  const MARK = "doorstep-step-up";
  const page = (() => {
    try { return window.top.location.origin === location.origin ? window.top : window; } catch { return window; }
  })();
  let leaving = false;

  // Not more than five times in a minute: an app that goes on asking must not spin.
  const spins = () => {
    try {
      const recent = JSON.parse(sessionStorage.getItem(MARK) || "[]").filter((at) => Date.now() - at < 60000);
      recent.push(Date.now());
      sessionStorage.setItem(MARK, JSON.stringify(recent));
      return recent.length > 5;
    } catch { return false; }
  };

  // The page asked before it was left, and whoever sits there wants to stay: then the challenge can be met beside it.
  const offer = (address) => {
    const bar = page.document.createElement("div");
    const link = page.document.createElement("a");
    bar.setAttribute("role", "alert");
    Object.assign(bar.style, {
      position: "fixed", insetInline: "0", top: "0", zIndex: "2147483647", padding: "12px", textAlign: "center",
      font: "16px/1.5 system-ui, sans-serif", color: "#fff", background: "#1c2b3a",
    });
    Object.assign(link.style, { color: "#fff", textDecoration: "underline" });
    link.href = address;
    link.target = "_blank";
    link.rel = "noopener";
    link.textContent = "Confirm it is you in a new tab";
    link.addEventListener("click", () => { bar.remove(); leaving = false; });
    bar.append("This page needs your second factor. ", link);
    page.document.body.append(bar);
  };

  const follow = (challenge) => {
    const place = page.location;
    const address = new URL(challenge, location.href);
    if (leaving || address.origin !== location.origin || spins()) return;
    leaving = true;
    address.searchParams.set("next", place.pathname + place.search + place.hash);
    // After what the page itself does about the answer.
    setTimeout(() => {
      place.assign(address.href);
      setTimeout(() => offer(address.href), 3000);
    }, 50);
  };

  const isOurs = (url) => {
    try { return new URL(url, location.href).origin === location.origin; } catch { return false; }
  };

  window.fetch = new Proxy(window.fetch, {
    apply(fetch, self, words) {
      const answering = Reflect.apply(fetch, self, words);
      answering.then((answer) => {
        if (answer.status !== 401 || !isOurs(answer.url)) return;
        const challenge = answer.headers.get(HEADER);
        if (challenge) follow(challenge);
      }, () => {});
      return answering;
    },
  });

  XMLHttpRequest.prototype.send = new Proxy(XMLHttpRequest.prototype.send, {
    apply(send, request, words) {
      request.addEventListener("loadend", () => {
        if (request.status !== 401 || !isOurs(request.responseURL)) return;
        const challenge = request.getResponseHeader(HEADER);
        if (challenge) follow(challenge);
      }, { once: true });
      return Reflect.apply(send, request, words);
    },
  });
})();

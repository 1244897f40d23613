// Keeps the page fresh: each second it is asked for anew, and what changed is put in its place.
(function () {
  "use strict";
  var note = document.getElementById("link");

  function refresh() {
    return fetch("/")
      .then(function (answer) {
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.text();
      })
      .then(function (html) {
        var fresh = new DOMParser().parseFromString(html, "text/html");
        document.querySelectorAll("[data-live]").forEach(function (old) {
          var now = fresh.getElementById(old.id);
          if (now) put(old, now);
        });
        note.textContent = "";
      })
      .catch(function () { note.textContent = "The demo does not answer. Is it still running?"; });
  }

  // A button that was just pressed, or that somebody is on, must not be swapped away under them.
  function put(old, now) {
    if (old.querySelector("[data-said]") || old.innerHTML === now.innerHTML) return;
    if (old.contains(document.activeElement) && old.children.length === now.children.length) {
      copyInto(old, now);
    } else {
      old.replaceChildren.apply(old, Array.from(now.childNodes));
    }
  }
  function copyInto(old, now) {
    Array.from(now.attributes).forEach(function (a) { if (old.getAttribute(a.name) !== a.value) old.setAttribute(a.name, a.value); });
    if (old.tagName === "INPUT" || old.tagName === "PROGRESS") old.value = now.getAttribute("value");
    var same = old.children.length === now.children.length && now.children.length > 0;
    if (!same) {
      if (old.innerHTML !== now.innerHTML) old.innerHTML = now.innerHTML;
      return;
    }
    Array.from(now.children).forEach(function (child, i) { copyInto(old.children[i], child); });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (!button || button.dataset.said) return;
    var shown = button.textContent;
    navigator.clipboard.writeText(button.dataset.copy).then(function () { say("Copied"); }, function () { say(button.dataset.copy); });
    function say(text) {
      button.dataset.said = "yes";
      button.textContent = text;
      setTimeout(function () { button.textContent = shown; delete button.dataset.said; }, 900);
    }
  });

  (function again() {
    var wait = document.hidden ? 5000 : 1000;
    setTimeout(function () { refresh().then(again); }, wait);
  })();
  document.addEventListener("visibilitychange", function () { if (!document.hidden) refresh(); });
})();

// The portal's own script, as its makers left it. It knows nothing of what stands in front.
(function () {
  "use strict";
  var byId = function (id) { return document.getElementById(id); };

  function theme() {
    var found = document.cookie.match(/(?:^|; )theme=(\w+)/);
    return found ? found[1] : "light";
  }
  document.documentElement.dataset.theme = theme();
  if (byId("theme")) {
    byId("theme").addEventListener("click", function () {
      var next = theme() === "dark" ? "light" : "dark";
      document.cookie = "theme=" + next + "; path=/; samesite=lax; max-age=31536000";
      document.documentElement.dataset.theme = next;
    });
  }

  function cell(row, content) {
    row.insertCell().append(content);
  }
  function showTickets(tickets) {
    var body = byId("tickets");
    body.replaceChildren();
    tickets.forEach(function (ticket) {
      var row = body.insertRow();
      var device = document.createElement("a");
      device.href = "/devices/" + ticket.device;
      device.textContent = ticket.device;
      var state = document.createElement("span");
      state.className = "state";
      state.dataset.state = state.textContent = ticket.state;
      [ticket.number, ticket.title, device, state].forEach(cell.bind(null, row));
    });
    byId("open").textContent = tickets.filter(function (ticket) { return ticket.state !== "closed"; }).length;
  }
  function refresh() {
    fetch("/api/tickets", { headers: { Accept: "application/json" } })
      .then(function (answer) {
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.json();
      })
      .then(function (answer) {
        showTickets(answer.tickets);
        byId("as-of").textContent = "as of " + new Date().toLocaleTimeString();
      })
      .catch(function (error) {
        byId("as-of").textContent = "could not be refreshed (" + error.message + "); reload the page";
      });
  }
  if (byId("refresh")) {
    byId("refresh").addEventListener("click", refresh);
    refresh();
  }

  function listen() {
    var socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/live/socket");
    socket.onopen = function () { byId("socket-state").textContent = "connected"; };
    socket.onmessage = function (message) {
      var reading = JSON.parse(message.data);
      byId("rate").textContent = reading.labels_per_minute;
      byId("queue").textContent = reading.queue;
    };
    socket.onclose = function () {
      byId("socket-state").textContent = "closed; reload the page";
      byId("rate").textContent = byId("queue").textContent = "\u2013";
    };
    var stream = new EventSource("/live/events");
    stream.addEventListener("reading", function (event) {
      byId("stream-state").textContent = "connected";
      byId("events").textContent = JSON.parse(event.data).tick;
    });
    stream.onerror = function () { byId("stream-state").textContent = "closed"; };
  }
  if (byId("live")) listen();
})();

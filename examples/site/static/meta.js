// The queue that Meta's fbevents.js expects to find, and one page view. First-party, and sent only with consent:
// see templates/home.html. The number is the demo's: a real site has one from Meta.
window.fbq = function () {
  if (window.fbq.callMethod) window.fbq.callMethod.apply(window.fbq, arguments);
  else window.fbq.queue.push(arguments);
};
window._fbq = window.fbq.push = window.fbq;
window.fbq.loaded = true;
window.fbq.version = "2.0";
window.fbq.queue = [];
window.fbq("init", "1609156416092009");
window.fbq("track", "PageView");

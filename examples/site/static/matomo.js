// Tells Matomo where to count, before matomo.js runs. First-party, and sent only with consent: see templates/base.html.
window._paq = window._paq || [];
window._paq.push(["setTrackerUrl", "https://stats.millbrook.example/matomo.php"]);
window._paq.push(["setSiteId", "1"]);
window._paq.push(["trackPageView"]);

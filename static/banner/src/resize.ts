/**
 * Inside a widget's wrapper: tells the page around it how tall the widget is, as `{consentry: "resize", height}`.
 *
 * Runs in a sandbox without an origin, ahead of the vendor's script. The page side is in heights.ts.
 */

let told = 0;

function tell(): void {
  const height = Math.ceil(document.body.getBoundingClientRect().height);
  if (height === told) return;
  told = height;
  // Nobody in here knows the page's origin; a height is no secret.
  parent.postMessage({ consentry: "resize", height }, "*");
}

addEventListener("DOMContentLoaded", () => {
  new ResizeObserver(tell).observe(document.body);
  tell();
});
addEventListener("load", tell);

/**
 * Enhances the forms that the server wrote: no page load, a dialog, frames that open in place.
 *
 * Loaded last and not needed: every form works without it, and whatever goes wrong here ends in the browser
 * submitting the real form. Listens on the document, so that forms added later work too.
 */

import type { ConsentryState } from "../consentry";
import { decides, homeOf } from "./addresses";
import { body, freshKey, send } from "./answer";
import { align } from "./choices";
import { open } from "./frames";
import { fillSharedPage } from "./shared_page";
import { AGAIN, CHANNEL, UPDATE, exceeds, type Answer, type Guard } from "./state";

const find = <E extends HTMLElement>(name: string, within: ParentNode = document): E | null =>
  within.querySelector<E>(`[data-consentry=${name}]`);
const all = (selector: string, within: ParentNode = document): HTMLElement[] => [...within.querySelectorAll<HTMLElement>(selector)];

const busy = new WeakSet<HTMLFormElement>();
/** Forms that the browser is to submit by itself. */
const native = new WeakSet<HTMLFormElement>();
/** What this page has sent, each with its key. */
const sent = new Map<string, string>();
/** What was on when the page was made: before an answer, what the site needs and what is exempt. */
const first = window.consentry?.state;
const speech = document.createElement("div");
const bundle = (document.currentScript as HTMLScriptElement | null)?.src;

/** Where the server's routes are. Only a script's word counts: nobody lets users write scripts. */
const home = (): string => homeOf(document.querySelector<HTMLElement>("script[data-consentry=guard]")?.dataset.state, bundle, location.href);
/** Whether a form is one of ours, and none that somebody wrote to look like it. */
const isOurs = (form: HTMLFormElement): boolean => decides(Element.prototype.getAttribute.call(form, "action"), home(), location.href);

/**
 * A key of this page view for an answer, the same when it is sent again. The form's own would do for one visitor, but
 * a page that some cache shares has the same one for many.
 */
function keyFor(content: object, field: HTMLInputElement | null): string {
  const text = JSON.stringify(content);
  const key = sent.get(text) ?? freshKey();
  sent.set(text, key);
  if (field) field.value = key;
  return key;
}

/** Where the focus goes when what had it is gone: the page's main part, without moving the page. */
function rest(): void {
  const place = document.querySelector<HTMLElement>("main, [role=main]") ?? document.body;
  if (!place.hasAttribute("tabindex")) {
    place.tabIndex = -1;
    place.style.outline = "none";
    place.addEventListener("blur", () => place.removeAttribute("tabindex"), { once: true });
  }
  place.focus({ preventScroll: true });
}

/** Whether cookies are blocked. Chromium says "enabled" where its user blocked them, but then denies storage, too. */
function blocked(): boolean {
  try {
    return !navigator.cookieEnabled || !window.localStorage;
  } catch {
    return true;
  }
}

/** Brings the page in line with an answer, given in this tab or in another. */
function settle({ ask, purposes, services }: ConsentryState): void {
  const section = find("banner");
  if (section && !ask) {
    const held = section.contains(document.activeElement);
    section.remove();
    if (held) rest();
  }
  // Only towards "granted": where something is taken back, the guard reloads the page.
  if (first && (exceeds(purposes, first.purposes) || exceeds(services, first.services))) {
    for (const item of all("[data-when]")) item.hidden = item.dataset.when !== "granted";
  }
  // With cookies blocked the frame's own request would carry no answer, and be refused.
  if (blocked()) return;
  for (const slot of all("[data-consentry=placeholder]")) {
    const { service = "", frame } = slot.dataset;
    if (frame && services.includes(service)) open(slot, frame, home(), false);
  }
}

const guard = window.consentry as Guard | undefined;

/** Hands the answer to the guard, which tells the page and the other tabs; without a guard, does so itself. */
function tell(answer: Answer): boolean {
  if (guard) return guard[UPDATE](answer);
  new BroadcastChannel(CHANNEL).postMessage(answer);
  settle(answer);
  return false;
}

/** The page anew. */
function again(): void {
  if (guard) guard[AGAIN]();
  else location.reload();
}

/** Back to where the form says, as the server would send the browser. */
function leave(form: HTMLFormElement): void {
  const next = new URL(form.querySelector<HTMLInputElement>("[name=next]")?.value || ".", location.href);
  if (next.origin !== location.origin || next.pathname + next.search === location.pathname + location.search) again();
  else location.assign(next);
}

async function answer(form: HTMLFormElement, button: HTMLButtonElement): Promise<void> {
  const alert = find("alert", form);
  const buttons = all("button", form);
  const content = body(new FormData(form), button.value);
  const key = keyFor(content, form.querySelector<HTMLInputElement>("[name=key]"));
  const { unsaved = "", offline = "", saved = "" } = alert?.dataset ?? {};
  busy.add(form);
  buttons.forEach((each) => each.setAttribute("aria-disabled", "true"));
  if (alert) alert.textContent = "";
  const outcome = await send(`${home()}decision`, { ...content, key }, unsaved, offline);
  busy.delete(form);
  buttons.forEach((each) => each.removeAttribute("aria-disabled"));
  if (outcome === "native") {
    native.add(form);
    form.requestSubmit(button);
  } else if (typeof outcome === "string") {
    if (alert) alert.textContent = outcome;
  } else {
    const slot = form.closest<HTMLElement>("[data-consentry=placeholder]");
    const url = outcome.embed ?? slot?.dataset.frame;
    const reload = tell(outcome);
    if (slot?.dataset.consentry && url) open(slot, url, home(), true);
    else if (slot) slot.querySelector("iframe")?.focus();
    form.closest("dialog")?.close();
    speech.textContent = saved;
    if (!form.closest("[data-consentry=banner]") && !slot) leave(form);
    else if (reload) again();
  }
}

/** "Choose": the dialog instead of the preferences page, with the box as it was left. */
function choose(form: HTMLFormElement, dialog: HTMLDialogElement): void {
  const [mine, its] = [form, dialog].map((each) => each.querySelector<HTMLInputElement>("[name=ask_again]"));
  if (mine && its) its.checked = mine.checked;
  dialog.showModal();
  dialog.querySelector("h2")?.focus();
}

function alignAll(): void {
  for (const group of all("[data-consentry=purpose]")) alignGroup(group);
}

function alignGroup(group: HTMLElement, changed?: HTMLInputElement): void {
  const [purpose, ...services] = all("input", group) as HTMLInputElement[];
  if (purpose) align(purpose, services, changed);
}

function start(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    const button = event.submitter as HTMLButtonElement | null;
    if (!/^(first|choices|frame|withdraw)$/.test(form.dataset.consentry ?? "") || !button || !isOurs(form) || native.delete(form)) return;
    const dialog = find<HTMLDialogElement>("dialog", form.parentElement ?? document);
    if (button.value === "choose" && !dialog) return;
    event.preventDefault();
    if (busy.has(form)) return;
    if (button.value === "choose") choose(form, dialog!);
    else void answer(form, button);
  });

  document.addEventListener("change", ({ target }) => {
    const box = target as HTMLInputElement;
    const group = box.closest<HTMLElement>("[data-consentry=purpose]");
    if (group) alignGroup(group, box);
  });

  document.addEventListener("consentry:change", ({ detail }) => settle(detail));

  speech.className = "cs-off";
  speech.setAttribute("role", "status");
  document.body.append(speech);
  prepare();
  void fillSharedPage(prepare);
}

/** Makes ready the question, and forms, that are in the page now. */
function prepare(): void {
  alignAll();
  // Cookies are blocked, so every page asks anew: within a visit the question shrinks to one line.
  const section = find("banner");
  const unfold = find("unfold");
  if (section && unfold && blocked() && document.referrer.startsWith(`${location.origin}/`)) {
    section.classList.add("cs-folded");
    unfold.hidden = false;
    unfold.addEventListener("click", () => {
      section.classList.remove("cs-folded");
      unfold.hidden = true;
      section.querySelector<HTMLElement>("input:not([type=hidden])")?.focus();
    });
  }
}

// A page may name this script twice, in its head and after the question.
const STARTED = Symbol.for("consentry.started");
const marked = document as Document & { [STARTED]?: true };
if (!marked[STARTED]) {
  marked[STARTED] = true;
  start();
}

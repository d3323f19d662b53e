/**
 * A page that all visitors share holds nothing of any: this fetches what is this visitor's own and puts it in.
 *
 * First the answer, which opens granted frames and makes the forms ready; then the question, if there is one. The guard's
 * tag says where to ask, on such pages only. Whatever fails leaves the page as it came: locked. Nothing here reloads it.
 */

import { UPDATE, type Answer, type Guard } from "./state";

/** The state for such a page, with the notice tokens of its forms: by service, and under no name for the link. */
interface Own extends Answer {
  readonly notices?: Readonly<Record<string, string>>;
}

const PATIENCE = 15000;
/** A longer way back is not carried: the form would not be read. */
const LONGEST_WAY = 1500;

/** Where this page is, as a form's way back: more than the server may write into a page for all. */
export function wayBack(written: string, here: string): string {
  const fragment = written.includes("#") ? written.slice(written.indexOf("#")) : "";
  return here.length > LONGEST_WAY ? written : here + fragment;
}

/** The state's address, asking for the tokens of these services' placeholders. */
export function about(address: string, services: Iterable<string>): string {
  const named = [...new Set(["", ...services])].map((service) => `about=${encodeURIComponent(service)}`);
  return `${address}?${named.join("&")}`;
}

/** Fills the page, if it is one; `prepare` makes ready what has come into it. */
export async function fillSharedPage(prepare: () => void): Promise<void> {
  const { state, question } = document.querySelector<HTMLElement>("script[data-consentry=guard]")?.dataset ?? {};
  const guard = window.consentry as Guard | undefined;
  if (!guard || !state || !question) return;
  const here = location.pathname + location.search;
  pointBack(here);
  try {
    const before = guard.state;
    const own = await fetchOwn(about(state, slots().map((slot) => slot.dataset.service ?? "")));
    fillTokens(own.notices ?? {});
    // An answer that was given meanwhile, here or in another tab, is newer.
    if (guard.state === before) guard[UPDATE](own, false);
    if (!guard.state.ask) return;
    const asked = await fetchPage(`${question}?next=${encodeURIComponent(wayBack("/", here))}`);
    const place = document.querySelector("[data-consentry=place]");
    if (!asked || !place || !guard.state.ask) return;
    place.replaceWith(...asked.body.childNodes);
    prepare();
  } catch {
    // Offline, or not our server: nothing is granted and nothing is asked.
  }
}

function slots(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("[data-consentry=placeholder]")];
}

async function fetchOwn(address: string): Promise<Own> {
  const signal = AbortSignal.timeout?.(PATIENCE) ?? null;
  const response = await fetch(address, { cache: "no-store", headers: { Accept: "application/json" }, signal });
  if (!response.ok) throw new Error(String(response.status));
  return (await response.json()) as Own;
}

/** A fragment of HTML as a document, read by the browser: no text becomes markup by a script of ours. */
function fetchPage(address: string): Promise<Document | null> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = PATIENCE;
    request.onloadend = () => resolve(request.status === 200 ? (request.response as Document | null) : null);
    request.send();
  });
}

/** Leads forms and links back to the address that the visitor sees. */
function pointBack(here: string): void {
  for (const field of document.querySelectorAll<HTMLInputElement>("form[data-consentry] [name=next]")) {
    field.value = wayBack(field.value, here);
  }
  for (const link of document.querySelectorAll<HTMLAnchorElement>("[data-consentry=link] a")) {
    const target = new URL(link.href);
    target.searchParams.set("next", wayBack("/", here));
    link.href = target.href;
  }
}

function fillTokens(notices: Readonly<Record<string, string>>): void {
  for (const field of document.querySelectorAll<HTMLInputElement>("form[data-consentry] [name=notice]")) {
    field.value ||= notices[field.form?.querySelector<HTMLInputElement>("[name=service]")?.value ?? ""] ?? "";
  }
}

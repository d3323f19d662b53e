/**
 * Steps in front of what connects before a policy is asked: hints that scripts make (`<link rel="preconnect">` and its
 * like, speculation rules), and frames of theirs that lead elsewhere.
 *
 * No Content-Security-Policy stops hints, and for a frame Chromium connects first and obeys the policy then. It does so
 * while the element is being inserted, so neither an observer nor taking it out again in the next line comes in time:
 * the element must not come into being like that. Best effort: it covers attributes, HTML text, inserted scripts and
 * forms, and no frame that runs scripts of its own.
 *
 * Sources: HTML §4.6.7 (link types), §4.12.1 (script), §4.10.21 (form submission), Speculation Rules §2.
 */

import { staysAllowed } from "./hosts";
import { around, type Native, type Realm } from "./override";

/** The policy stops `preload` and `modulepreload`, and tells the page so by an error, for which loaders wait. */
const HINTS = /(?:^|\s)(?:preconnect|dns-prefetch|prefetch|prerender)(?:\s|$)/i;
const RULES = /^\s*speculationrules\s*$/i;
/** What shows another document, and the attribute that says which. */
const SOURCES: Readonly<Record<string, string>> = { iframe: "src", frame: "src", embed: "src", object: "data" };
const WATCHED = ["link", "script", "template", ...Object.keys(SOURCES)].join();
const SUSPECT = /<(?:link|iframe|embed|object)\b|speculationrules/i;
const TAGS = /<(?:link|iframe|embed|object)\b(?:(?:"[^"]*"|'[^']*'|[^>"'])*|[^>]*)>|<script\b[^>]*speculationrules[^]*?<\/script[^>]*>/gi;

export function guardHints(realm: Realm, allowed: readonly string[]): void {
  const { document } = realm;
  const { setAttribute } = realm.Element.prototype;
  const parse = Object.getOwnPropertyDescriptor(realm.Element.prototype, "innerHTML")?.set;
  const inert = document.createElement("template");
  const leaves = (href: string | null): boolean => !!href && !staysAllowed(href, document.baseURI, allowed);

  /** Whether a link or a frame would connect to somebody else. */
  function strays(element: Element): boolean {
    const source = SOURCES[element.localName];
    if (source) return leaves(element.getAttribute(source));
    return element.localName === "link" && HINTS.test(element.getAttribute("rel") ?? "") && leaves(element.getAttribute("href"));
  }

  /** Whether a script is of rules that name somebody else, or any link that happens to be there. */
  function speculates(script: HTMLScriptElement): boolean {
    if (!RULES.test(script.type)) return false;
    try {
      let stray = false;
      JSON.parse(script.text, (key, value: unknown) => {
        stray ||= key === "where" || (key === "urls" && Array.isArray(value) && value.some((url) => leaves(String(url))));
        return value;
      });
      return stray;
    } catch {
      return true; // Rules that come later would not be seen.
    }
  }

  /** Takes the effect of hints in what is not in a page yet. */
  function sweep<T>(given: T): T {
    const tree = given as ParentNode & Node;
    if (tree?.nodeName === "SCRIPT") still(tree as unknown as Element);
    else if (tree?.nodeType === 11 || tree?.nodeType === 9) tree.querySelectorAll(WATCHED).forEach(still);
    return given;
  }
  function still(element: Element): void {
    const source = SOURCES[element.localName];
    if (strays(element)) {
      if (source) setAttribute.call(element, `data-consentry-${source}`, element.getAttribute(source)!);
      element.removeAttribute(source ?? "rel");
    }
    if (element.localName === "script" && speculates(element as HTMLScriptElement)) setAttribute.call(element, "type", "text/plain");
    if (element.localName === "template") sweep((element as HTMLTemplateElement).content);
  }

  function clean(html: unknown): unknown {
    const text = String(html);
    if (!SUSPECT.test(text)) return html;
    try {
      const cleaned = text.replace(TAGS, (tag) => {
        parse?.call(inert, tag);
        const before = inert.innerHTML;
        sweep(inert.content);
        return inert.innerHTML === before ? tag : inert.innerHTML.replace(/<\/(?:iframe|object)>$/, "");
      });
      return cleaned === text ? html : cleaned;
    } catch {
      return html; // The page takes no text as HTML, not even ours.
    }
  }

  /** Runs a function unless it would lead the element astray, which `act` tries on a copy. */
  const tried =
    (native: Native, act: (copy: Element, given: never, self: never) => unknown, of = (self: never): Element | null | undefined => self): Native =>
    function (...given) {
      const element = of(this as never);
      if (element && (element.localName === "link" || element.localName in SOURCES)) {
        const copy = element.cloneNode() as Element;
        act(copy, given as never, this as never);
        if (strays(copy) && !strays(element)) return undefined;
      }
      return native.apply(this, given);
    };
  const same = (native: Native): Native => tried(native, (copy, given) => native.apply(copy, given));

  const { Element, HTMLLinkElement, HTMLScriptElement, HTMLIFrameElement, Document, DocumentFragment, CharacterData, Node, Range, DOMParser } = realm;
  for (const name of ["rel", "href"]) around(HTMLLinkElement.prototype, name, same, "set");
  for (const made of [HTMLIFrameElement, realm.HTMLFrameElement, realm.HTMLEmbedElement]) around(made?.prototype, "src", same, "set");
  around(realm.HTMLObjectElement.prototype, "data", same, "set");

  /** Whether a form would lead a frame of this page elsewhere. */
  function misleads(form: HTMLFormElement, button?: HTMLElement | null): boolean {
    const given = (name: string): string | null => button?.getAttribute(`form${name}`) ?? form.getAttribute(name);
    const target = given("target");
    return !!target && leaves(given("action")) && [...document.querySelectorAll("iframe,frame,object")].some((each) => each.getAttribute("name") === target);
  }
  around(realm.HTMLFormElement.prototype, "submit", (native) => function () {
    if (!misleads(this)) native.call(this);
  });
  realm.addEventListener("submit", (event) => misleads(event.target as HTMLFormElement, event.submitter) && event.preventDefault(), true);

  const owners = new WeakMap<DOMTokenList, Element>();
  around(HTMLLinkElement.prototype, "relList", (native) => function () {
    const list = native.call(this) as DOMTokenList;
    owners.set(list, this);
    return list;
  }, "get");
  for (const [name, part] of [["add", "value"], ["toggle", "value"], ["replace", "value"], ["value", "set"]] as const) {
    around(realm.DOMTokenList.prototype, name, (native) =>
      tried(native, (copy, given) => native.apply((copy as HTMLLinkElement).relList, given), (list) => owners.get(list)), part);
  }

  /** Rules work from the moment that a script with their type has a text, so one in the page may not take it. */
  const retypes = (script: Element, type: unknown): boolean => script.localName === "script" && script.isConnected && RULES.test(String(type));
  around(HTMLScriptElement.prototype, "type", (native) => function (type) {
    if (!retypes(this, type)) native.call(this, type);
  }, "set");

  around(Element.prototype, "setAttribute", (native) => {
    const set = same(native);
    return function (...given) {
      const name = String(given[0]).toLowerCase();
      if (name === "type" && retypes(this, given[1])) return undefined;
      if (name === "srcdoc") given[1] = clean(given[1]);
      return set.apply(this, given);
    };
  });
  around(Element.prototype, "setAttributeNS", same);
  around(Element.prototype, "setAttributeNode", (native) =>
    tried(native, (copy, [{ name, value }]: [Attr]) => setAttribute.call(copy, name, value)));
  around(realm.Attr.prototype, "value", (native) =>
    tried(native, (copy, [value]: [string], { name }: Attr) => setAttribute.call(copy, name, value), (attr: Attr) => attr.ownerElement), "set");

  const cleaned = (at: number) => (native: Native): Native => function (...given) {
    given[at] = clean(given[at]);
    return native.apply(this, given);
  };
  for (const { prototype } of [Element, realm.ShadowRoot]) {
    around(prototype, "innerHTML", cleaned(0), "set");
    around(prototype, "setHTMLUnsafe", cleaned(0));
  }
  around(Element.prototype, "outerHTML", cleaned(0), "set");
  around(Element.prototype, "insertAdjacentHTML", cleaned(1));
  around(HTMLIFrameElement.prototype, "srcdoc", cleaned(0), "set");
  for (const name of ["write", "writeln"]) {
    around(Document.prototype, name, (native) => function (...given) {
      const whole = given.join("");
      const safe = clean(whole);
      return safe === whole ? native.apply(this, given) : native.call(this, safe);
    });
  }
  for (const [made, name] of [[Range, "createContextualFragment"], [DOMParser, "parseFromString"]] as const) {
    around(made.prototype, name, (native) => function (...given) {
      return sweep(native.apply(this, given));
    });
  }

  const swept = (native: Native): Native => function (...given) {
    given.forEach(sweep);
    return native.apply(this, given);
  };
  for (const name of ["appendChild", "insertBefore", "replaceChild"]) around(Node.prototype, name, swept);
  for (const { prototype } of [Element, Document, DocumentFragment, CharacterData]) {
    for (const name of ["append", "prepend", "replaceChildren", "before", "after", "replaceWith"]) around(prototype, name, swept);
  }
  around(Element.prototype, "insertAdjacentElement", swept);
  around(Range.prototype, "insertNode", swept);
}

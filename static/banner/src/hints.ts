/**
 * Steps in front of what connects before a policy is asked: hints that scripts make (`<link rel="preconnect">` and its
 * like, speculation rules), and frames of theirs that lead elsewhere.
 *
 * No Content-Security-Policy stops hints, and for a frame Chromium connects first and obeys the policy then. It does so
 * while the element is being inserted, so neither an observer nor taking it out again in the next line comes in time:
 * the element must not come into the page like that. Best effort: it covers attributes, inserted elements, HTML text
 * and forms. It never edits a text: see markup.ts.
 *
 * Sources: HTML §4.6.7 (link types), §4.12.1 (script), §4.10.21 (form submission).
 */

import { staysAllowed } from "./hosts";
import { reader } from "./markup";
import { around, attribute, type Native, type Realm } from "./override";
import { speculates } from "./rules";

/** The policy stops `preload` and `modulepreload`, and tells the page so by an error, for which loaders wait. */
const HINTS = /(?:^|\s)(?:preconnect|dns-prefetch|prefetch|prerender)(?:\s|$)/i;
const RULES = /^\s*speculationrules\s*$/i;
/** What shows another document, and the attribute that says which. */
const SOURCES: Readonly<Record<string, string>> = { iframe: "src", frame: "src", embed: "src", object: "data" };
const WATCHED = ["link", "script", ...Object.keys(SOURCES)].join();
/** Targets that are no frame made for the purpose. */
const USUAL = /^(?:_self|_top|_parent|_blank|)$/i;
const HTML = "http://www.w3.org/1999/xhtml";

export function guardHints(realm: Realm, allowed: readonly string[]): void {
  const { document } = realm;
  const { Element, HTMLLinkElement, HTMLScriptElement, HTMLIFrameElement, Document, DocumentFragment, CharacterData, Node, Range } = realm;
  const { getAttribute, setAttribute, removeAttribute, matches, querySelectorAll } = Element.prototype;
  const { getRootNode } = Node.prototype;
  const parentOf = attribute<Element | null>(Node.prototype, "parentNode");
  const firstOf = attribute<Node | null>(Node.prototype, "firstChild");
  const leaves = (href: string | null, bases: readonly string[] = [document.baseURI]): boolean =>
    !!href && bases.some((base) => !staysAllowed(href, base, allowed));

  /** Whether a link or a frame would connect to somebody else. */
  function strays(element: Element, bases?: readonly string[]): boolean {
    const source = SOURCES[element.localName];
    if (element.namespaceURI !== HTML) return false;
    if (source) return leaves(element.getAttribute(source), bases);
    return element.localName === "link" && HINTS.test(element.getAttribute("rel") ?? "") && leaves(element.getAttribute("href"), bases);
  }

  /** Takes the effect of hints in what is not in a page yet; tells whether there were any. */
  function sweep(tree: Node): boolean {
    let found = false;
    try {
      if (tree?.nodeType !== 1 && tree?.nodeType !== 11) return false;
      if (tree.nodeType === 1 && !firstOf(tree) && !matches.call(tree, WATCHED)) return false;
      const all = (selector: string): Element[] => {
        const inner: Element[] = [...(tree.nodeType === 1 ? querySelectorAll : DocumentFragment.prototype.querySelectorAll).call(tree, selector)];
        return tree.nodeType === 1 && matches.call(tree, selector) ? [tree as Element, ...inner] : inner;
      };
      const watched = all(WATCHED);
      if (!watched.length) return false;
      const bases = [document.baseURI];
      for (const base of all("base[href]")) {
        try {
          bases.push(new URL(getAttribute.call(base, "href")!, document.baseURI).href);
        } catch {
          // No base to a browser either.
        }
      }
      for (const element of watched) found = still(element, bases) || found;
    } catch {
      // Not as it should be: the page's own affair.
    }
    return found;
  }
  function still(element: Element, bases: readonly string[]): boolean {
    const source = SOURCES[element.localName];
    if (strays(element, bases)) {
      if (source) setAttribute.call(element, `data-consentry-${source}`, getAttribute.call(element, source)!);
      removeAttribute.call(element, source ?? "rel");
      return true;
    }
    const { type, text } = element as HTMLScriptElement;
    if (element.localName !== "script" || !RULES.test(type) || !speculates(text, leaves)) return false;
    setAttribute.call(element, "type", "text/plain");
    return true;
  }
  /** The same in shadow roots that came with the text. */
  function pierce(tree: ParentNode): void {
    for (const { shadowRoot } of tree.querySelectorAll("*")) {
      if (!shadowRoot) continue;
      sweep(shadowRoot);
      pierce(shadowRoot);
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

  for (const name of ["rel", "href"]) around(HTMLLinkElement.prototype, name, same, "set");
  for (const made of [HTMLIFrameElement, realm.HTMLFrameElement, realm.HTMLEmbedElement]) around(made?.prototype, "src", same, "set");
  around(realm.HTMLObjectElement.prototype, "data", same, "set");

  /** Whether a frame below has this name, by its attribute or by itself. */
  const isFrame = (parent: Window, name: string): boolean =>
    Array.from({ length: parent.length }, (_, at) => parent[at]!).some((child) => {
      try {
        return child.name === name || isFrame(child, name);
      } catch {
        return false; // Another origin's.
      }
    });
  /** Whether a form would lead a frame of this page elsewhere. */
  function misleads(form: HTMLFormElement, button?: HTMLElement | null): boolean {
    const given = (name: string): string | null => button?.getAttribute(`form${name}`) ?? getAttribute.call(form, name);
    const target = given("target") ?? document.querySelector("base[target]")?.getAttribute("target") ?? "";
    if (USUAL.test(target) || !leaves(given("action"))) return false;
    return [...document.querySelectorAll("iframe,frame,object")].some((each) => each.getAttribute("name") === target) || isFrame(realm.top ?? realm, target);
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
      return String(given[0]).toLowerCase() === "type" && retypes(this, given[1]) ? undefined : set.apply(this, given);
    };
  });
  around(Element.prototype, "setAttributeNS", same);
  for (const name of ["setAttributeNode", "setAttributeNodeNS"]) {
    around(Element.prototype, name, (native) => tried(native, (copy, [{ name, value }]: [Attr]) => setAttribute.call(copy, name, value)));
  }
  const revalued = (native: Native): Native =>
    tried(native, (copy, [value]: [string], { name }: Attr) => setAttribute.call(copy, name, value), (node: Attr) => (node.nodeType === 2 ? node.ownerElement : null));
  around(realm.Attr.prototype, "value", revalued, "set");
  for (const name of ["nodeValue", "textContent"]) around(Node.prototype, name, revalued, "set");

  /** Whether what comes in here comes into a page, or into a shadow that will be in one. */
  function isLive(place: Node): boolean {
    try {
      const root = getRootNode.call(place) as { defaultView?: unknown; host?: unknown };
      return !!(root.defaultView || root.host);
    } catch {
      return false; // No node: the browser's own function tells so.
    }
  }

  // Each native function is kept as it was here: the page may put its own in place.
  const { replaceChildren, replaceWith, before, prepend, append, after } = Element.prototype;
  const refill = DocumentFragment.prototype.replaceChildren as Native | undefined;
  const read = reader(realm, sweep);
  const parse = Object.getOwnPropertyDescriptor(Element.prototype, "innerHTML")?.set;
  const unsafe = (Element.prototype as { setHTMLUnsafe?: Native }).setHTMLUnsafe;
  const filled = (parser: Native | undefined) => (native: Native): Native => function (...given) {
    const context: Element = this.nodeType === 11 ? this.host : this;
    const swept = parser && refill && context.localName !== "template" && isLive(this) ? read(context, parser, ...(given as [unknown])) : undefined;
    if (!swept) return native.apply(this, given);
    if (parser === unsafe) pierce(swept);
    (this === context ? replaceChildren : refill!).call(this, swept);
  };
  for (const { prototype } of [Element, realm.ShadowRoot]) {
    around(prototype, "innerHTML", filled(parse), "set");
    around(prototype, "setHTMLUnsafe", filled(unsafe));
  }
  around(Element.prototype, "outerHTML", (native) => function (html) {
    const parent = parentOf(this);
    const context = parent?.nodeType === 11 ? document.createElement("body") : parent;
    const swept = parse && context?.nodeType === 1 && isLive(this) ? read(context, parse, html) : undefined;
    if (swept) replaceWith.call(this, swept);
    else native.call(this, html);
  }, "set");
  const places: Readonly<Record<string, typeof append>> = { beforebegin: before, afterbegin: prepend, beforeend: append, afterend: after };
  around(Element.prototype, "insertAdjacentHTML", (native) => function (...given) {
    const where = String(given[0]).toLowerCase();
    const near = where === "afterbegin" || where === "beforeend" ? this : parentOf(this);
    const context = near?.localName === "html" ? document.createElement("body") : near;
    const swept = parse && given.length > 1 && places[where] && context?.nodeType === 1 && isLive(this) ? read(context, parse, given[1]) : undefined;
    if (swept) places[where]!.call(this, swept);
    else native.apply(this, given);
  });
  around(realm.Document, "parseHTMLUnsafe", (native) => function (...given) {
    const made = native.apply(this, given);
    if (/shadowrootmode/i.test(String(given[0]))) pierce(made);
    return made;
  });

  const swept = (native: Native): Native => function (...given) {
    if (isLive(this instanceof Range ? this.startContainer : this)) given.forEach(sweep);
    return native.apply(this, given);
  };
  for (const name of ["appendChild", "insertBefore", "replaceChild"]) around(Node.prototype, name, swept);
  for (const { prototype } of [Element, Document, DocumentFragment, CharacterData]) {
    for (const name of ["append", "prepend", "replaceChildren", "before", "after", "replaceWith"]) around(prototype, name, swept);
  }
  around(Element.prototype, "insertAdjacentElement", swept);
  for (const name of ["insertNode", "surroundContents"]) around(Range.prototype, name, swept);
  around(Document.prototype, "body", swept, "set");
}

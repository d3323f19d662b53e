/**
 * Reads HTML text as the browser would where a script puts it, so that elements can be looked at and no text is edited.
 *
 * An edited text could come to mean something else: what was safe in it could run. So a text goes to the browser as it
 * is, or the nodes that the browser made of it go into the page. Nothing is ever written back as text.
 *
 * Source: HTML §13.4 (parsing HTML fragments: what the text means depends on the element, the document, a form around).
 */

import { attribute, type Native, type Realm } from "./override";

/** What could hold a watched element. Everything else is not even read. */
const SUSPECT = /<(?:link|i?frame|embed|object|script)\b/i;
/** Read in another way where scripts are off, as they are in a document that nobody sees. */
const UNSURE = /<noscript\b|shadowrootmode/i;
const HTML = "http://www.w3.org/1999/xhtml";

/**
 * @param sweep takes the effect of hints in a fragment, and tells whether it found any.
 */
export function reader(realm: Realm, sweep: (tree: ParentNode) => boolean) {
  const { createElementNS, createDocumentFragment } = realm.Document.prototype;
  const { appendChild } = realm.Node.prototype;
  const nameOf = attribute<string>(realm.Element.prototype, "localName");
  const spaceOf = attribute<string | null>(realm.Element.prototype, "namespaceURI");
  const parentOf = attribute<Node | null>(realm.Node.prototype, "parentNode");
  const firstOf = attribute<Node | null>(realm.Node.prototype, "firstChild");
  const unseen = realm.document.implementation.createHTMLDocument("");

  /** An element in which a text means the same as in `context`, though nobody sees it and no code of the page's is its. */
  function twin(context: Element, owner: Document): Element {
    const [space, name] = [spaceOf(context), nameOf(context)];
    const made = createElementNS.call(owner, space, space === HTML && name.includes("-") ? "div" : name) as Element;
    const encoding = space !== HTML && context.getAttribute("encoding");
    if (encoding) made.setAttribute("encoding", encoding);
    for (let each: Node | null = context; each; each = parentOf(each)) {
      if (!(each instanceof realm.HTMLFormElement)) continue;
      if (each !== context) appendChild.call(createElementNS.call(owner, HTML, "form"), made);
      break;
    }
    return made;
  }

  function parse(context: Element, owner: Document, native: Native, given: unknown[]): DocumentFragment {
    const made = twin(context, owner);
    native.apply(made, given);
    const source = nameOf(made) === "template" ? (made as HTMLTemplateElement).content : made;
    const fragment = createDocumentFragment.call(owner);
    for (let each = firstOf(source); each; each = firstOf(source)) appendChild.call(fragment, each);
    return fragment;
  }

  /**
   * What a text is in `context`, without its hints; nothing where it has none, or cannot be read like this: then the
   * text is the browser's.
   */
  return (context: Element, native: Native, text: unknown, ...more: unknown[]): DocumentFragment | undefined => {
    const shown = String(text);
    if (!SUSPECT.test(shown)) return undefined;
    try {
      const owner = context.ownerDocument;
      if (owner.contentType !== "text/html") return undefined;
      if (!UNSURE.test(shown) && !sweep(parse(context, unseen, native, [text, ...more]))) return undefined;
      const fragment = parse(context, owner, native, [text, ...more]);
      sweep(fragment);
      return fragment;
    } catch {
      return undefined;
    }
  };
}

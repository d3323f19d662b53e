/**
 * Whether speculation rules name somebody else, or any link that happens to be in the page. Pure.
 *
 * Source: Speculation Rules §2 (list rules have `urls`, document rules `where`; without it they take every link).
 */

type Where = { readonly and?: Where[]; readonly or?: Where[]; readonly href_matches?: unknown };

/** A path of this site: nothing in it can be read as a scheme or a host. */
const PATH = /^\/(?!\/)[^:\\{}()]*$/;

/** Whether a condition lets links through that are on the site only. */
function keepsToSite(where: Where): boolean {
  const { and, or, href_matches: patterns } = where;
  if (and) return and.some(keepsToSite);
  if (or) return or.every(keepsToSite);
  return patterns !== undefined && [patterns].flat().every((pattern) => typeof pattern === "string" && PATH.test(pattern));
}

export function speculates(text: string, leaves: (url: string) => boolean): boolean {
  try {
    // Where a path leads is up to the page's base.
    const sited = (where: Where): boolean => !leaves("/") && keepsToSite(where);
    return Object.values(JSON.parse(text) as Record<string, unknown>)
      .filter(Array.isArray)
      .flat()
      .some(({ urls, where }: { urls?: unknown[]; where?: Where }) => (urls ? urls.some((url) => leaves(String((url as { href?: string })?.href ?? url))) : !where) || (!!where && !sited(where)));
  } catch {
    return true; // Rules that come later would not be seen.
  }
}

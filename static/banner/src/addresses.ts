/**
 * Which addresses in the page's markup are this server's own. Pure: a page may hold markup that its users wrote, with any
 * data-* attributes and forms, and none of that may lead our script elsewhere.
 */

/** Where the server's routes are: beside its state, which the guard's tag names, or around this bundle. */
export function homeOf(state: string | undefined, bundle: string | undefined, page: string): string {
  try {
    return state ? new URL(".", new URL(state, page)).href : bundle ? new URL("..", bundle).href : "";
  } catch {
    return "";
  }
}

/** `address` in full if it is one of the page's own origin, below `home`; else null. */
function below(address: string, home: string, page: string): URL | null {
  try {
    const url = new URL(address, page);
    const { origin, protocol } = new URL(page);
    return /^https?:$/.test(protocol) && url.origin === origin && !url.username && !url.password && home && url.href.startsWith(home) ? url : null;
  } catch {
    return null;
  }
}

/** The wrapper of a service's frame, if `address` is one. Its token has no slash and nothing escaped. */
export function wrapper(address: string, service: string, home: string, page: string): string | null {
  const url = below(address, `${home}embed/${encodeURIComponent(service)}/`, page);
  return url && /\/embed\/[^/]+\/[\w.-]+$/.test(url.pathname) && home ? url.href : null;
}

/** Whether a form sends its answer to the server's own route for it. */
export function decides(action: string | null, home: string, page: string): boolean {
  return !!home && below(action ?? "", home, page)?.href === `${home}decision`;
}

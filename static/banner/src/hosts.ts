/**
 * Which hosts the page may connect to: the site's own, and those of what is allowed. Pure.
 */

/** Whether `host` is one of `allowed`: exact names, or `*.` and a domain. */
export function isAllowed(host: string, allowed: readonly string[]): boolean {
  const bare = host.toLowerCase().replace(/\.$/, "");
  return allowed.some((one) => (one.startsWith("*.") ? bare.endsWith(one.slice(1)) : bare === one));
}

/** Whether following `href` from a page at `base` connects to nobody but `allowed`. */
export function staysAllowed(href: string, base: string, allowed: readonly string[]): boolean {
  try {
    const { hostname } = new URL(href, base);
    return hostname === "" || isAllowed(hostname, allowed);
  } catch {
    return true; // Not a URL to a browser either.
  }
}

const ICE = /^(?:stun|turn)s?:(\[[^\]]+\]|[^:?]+)/i;

/** A peer connection's settings with no servers but those of `allowed` hosts. */
export function withoutStrangers(given: RTCConfiguration | undefined, allowed: readonly string[]): RTCConfiguration | undefined {
  if (!given?.iceServers) return given;
  const iceServers = [];
  for (const server of given.iceServers) {
    // Older spelling: one `url`.
    const urls = [server.urls ?? (server as { url?: string }).url ?? []].flat().map(String);
    const kept = urls.filter((url) => isAllowed(ICE.exec(url)?.[1] ?? "", allowed));
    if (kept.length) iceServers.push({ ...server, urls: kept });
  }
  return { ...given, iceServers };
}

/**
 * Steps in front of IndexedDB: a declared database of a service that is not granted cannot be opened. The Cache API is
 * not held back.
 *
 * Source: Indexed Database API 3.0 §4.1 (requests), §4.3 (the factory).
 */

import { judge, type Gate } from "./cookies";
import { around, type Realm } from "./override";

/** A request that fails soon, as one does where the browser's user blocks storage; nothing touches the disk. */
function failing(realm: Realm): IDBOpenDBRequest {
  const request = new realm.EventTarget() as IDBOpenDBRequest;
  Object.setPrototypeOf(request, realm.IDBOpenDBRequest.prototype as object);
  const own = { error: null as DOMException | null, readyState: "pending", result: undefined, source: null, transaction: null };
  const handlers = { onerror: null as Function | null, onsuccess: null, onupgradeneeded: null, onblocked: null };
  for (const [name, value] of Object.entries({ ...own, ...handlers })) {
    Object.defineProperty(request, name, { value, writable: true, enumerable: true, configurable: true });
  }
  request.addEventListener("error", (event) => request.onerror?.(event));
  setTimeout(() => {
    Object.assign(request, { error: new DOMException("Consentry: the visitor has not allowed this database", "UnknownError"), readyState: "done" });
    request.dispatchEvent(new Event("error", { bubbles: true, cancelable: true }));
  });
  return request;
}

export function guardDatabases(realm: Realm, gate: Gate): void {
  around(realm.IDBFactory?.prototype, "open", (native) => function (...given) {
    const name = String(given[0]);
    const verdict = judge(name, gate.grants.databases);
    const refused = given.length > 0 && gate.refuses("databases", name, verdict === "session" ? "drop" : verdict);
    return refused ? failing(realm) : native.apply(this, given);
  });
}

/** Deletes the databases of services that are not granted (any more). An open one goes when its page does. */
export async function cleanDatabases(gate: Gate): Promise<void> {
  const { rules } = gate.grants.databases;
  if (!rules.size) return;
  try {
    // Where a browser does not list them, those that are declared by their whole name can be deleted all the same.
    const names = indexedDB.databases ? (await indexedDB.databases()).map(({ name }) => name!) : [...rules.keys()];
    for (const name of names) if (judge(name, gate.grants.databases) === "drop") indexedDB.deleteDatabase(name);
  } catch {
    // Storage is blocked: there is nothing to clean.
  }
}

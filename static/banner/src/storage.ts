/**
 * Steps in front of local and session storage, in each of the ways to write a key: `setItem`, `localStorage.key =`,
 * `localStorage["key"] =` and `Object.defineProperty`. Only declared keys are held back; every other key, and all
 * reading, stays the browser's.
 *
 * A plain property write can be seen by a Proxy alone, so that is what scripts get; the browser's own methods and
 * events are taught to take it. `instanceof Storage`, `Object.keys`, `length` and JSON work as ever.
 *
 * Source: HTML §12.2 (Web storage: named properties, the `storage` event).
 */

import { judge, type Gate } from "./cookies";
import { around, type Realm } from "./override";

const NAMES = ["localStorage", "sessionStorage"] as const;

/** Each area by its stand-in, and the other way; those of frames as well, for one realm's methods take another's. */
const areas = new WeakMap<Storage, Storage>();
const standIns = new WeakMap<Storage, Storage>();
/** The areas that end with the visit. */
const passing = new WeakSet<Storage>();

const area = (given: Storage): Storage => areas.get(given) ?? given;

export function guardStorage(realm: Realm, gate: Gate): void {
  function refuses(target: Storage, key: string): boolean {
    const verdict = judge(key, gate.grants.storage);
    // What would outlive a session decision is not kept.
    return gate.refuses("storage", key, verdict === "session" && !passing.has(target) ? "drop" : verdict);
  }

  function standIn(target: Storage): Storage {
    const made = standIns.get(target) ?? new Proxy(target, {
      set: (_, key, value) => (typeof key === "string" && refuses(target, key)) || Reflect.set(target, key, value),
      defineProperty: (_, key, how) =>
        (typeof key === "string" && refuses(target, key)) || Reflect.defineProperty(target, key, how),
    });
    standIns.set(target, made);
    areas.set(made, target);
    return made;
  }

  const { prototype } = realm.Storage;
  for (const name of ["getItem", "removeItem", "clear", "key"]) {
    around(prototype, name, (native) => function (...given) {
      return native.apply(area(this), given);
    });
  }
  around(prototype, "length", (native) => function () {
    return native.call(area(this));
  }, "get");
  around(prototype, "setItem", (native) => function (...given) {
    const target = area(this);
    if (given.length < 2 || !refuses(target, String(given[0]))) native.apply(target, given);
  });

  for (const name of NAMES) {
    around(realm, name, (native) => () => {
      const target = native.call(realm) as Storage;
      if (name === "sessionStorage") passing.add(target);
      return standIn(target);
    }, "get");
  }

  around(realm.StorageEvent.prototype, "storageArea", (native) => function () {
    const target = native.call(this) as Storage | null;
    return target && standIn(target);
  }, "get");
  around(realm, "StorageEvent", (native) => new Proxy(native, {
    construct: (made, [type, init, ...rest], as) =>
      Reflect.construct(made, [type, init?.storageArea ? { ...init, storageArea: area(init.storageArea) } : init, ...rest], as) as object,
  }));
}

/** Removes what services that are not granted (any more) have stored; the server sees to the cookies. */
export function cleanStorage(gate: Gate): void {
  for (const name of NAMES) {
    try {
      const area = window[name];
      for (const key of Object.keys(area)) if (judge(key, gate.grants.storage) === "drop") area.removeItem(key);
    } catch {
      // Storage is blocked: there is nothing to clean.
    }
  }
}

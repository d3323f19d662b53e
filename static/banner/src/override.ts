/**
 * How the guard steps in front of a function of the browser. Knows no rule.
 */

/** A page's own global, or that of a frame it made. */
export type Realm = Window & typeof globalThis;

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Native = (this: any, ...given: any[]) => any;

/**
 * Replaces a method, or an attribute's setter or getter, by what `wrap` makes of it. What a browser lacks or will not
 * have replaced stays as it is: a fault in one override must leave the page and the other overrides alone.
 */
export function around(owner: object | undefined, name: string, wrap: (native: Native) => Native, part: "get" | "set" | "value" = "value"): void {
  try {
    const found = owner && Object.getOwnPropertyDescriptor(owner, name);
    const native = found?.[part] as Native | undefined;
    if (native) Object.defineProperty(owner, name, { ...found, [part]: wrap(native) });
  } catch {
    // Not ours to change here.
  }
}

/** An attribute as the browser has it: a form's own is hidden by a field of that name. */
export function attribute<T>(owner: object, name: string): (self: Node) => T {
  const get = Object.getOwnPropertyDescriptor(owner, name)!.get!;
  return (self) => get.call(self) as T;
}

/**
 * Keeps what was typed over a load of our own making, in this tab, for the next page of the same address only.
 *
 * Never a password, a hidden field, a file, a card's or a one-time code, nor what the page wants not to be remembered.
 * Restoring sends nothing and raises no event.
 */

const KEY = "consentry_fields";
const SOON = 60_000;
const SECRET = /\b(?:off|cc-[a-z-]+|one-time-code|(?:current|new)-password)\b/i;
const KEPT = /^(?:text|search|tel|url|email|number|range|color|date|datetime-local|month|week|time|checkbox|radio|textarea|select-one|select-multiple)$/;

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;
type Typed = string | boolean | string[];

/** Whether a control may be kept at all. */
export function isKept({ type, name, id, autocomplete }: Pick<Control, "type" | "name" | "id" | "autocomplete">, form = ""): boolean {
  return KEPT.test(type) && !!(name || id) && !/pass/i.test(name + id) && !SECRET.test(`${autocomplete} ${form}`);
}

/** The page's controls, by a name that finds them again. */
function controls(): Map<string, Control> {
  const found = new Map<string, Control>();
  for (const each of document.querySelectorAll<Control>("input,textarea,select")) {
    if (each.closest(".cs-ui") || !isKept(each, each.form?.autocomplete)) continue;
    const own = /radio|checkbox/.test(each.type) ? each.value : "";
    const name = JSON.stringify([each.form?.getAttribute("action"), each.name || each.id, each.type, own]);
    let count = 0;
    while (found.has(`${name}${count}`)) count++;
    found.set(`${name}${count}`, each);
  }
  return found;
}

function typed(control: Control): Typed | undefined {
  if ("options" in control) {
    const options = [...control.options];
    return options.some((each) => each.selected !== each.defaultSelected) ? options.filter((each) => each.selected).map((each) => each.value) : undefined;
  }
  if (/radio|checkbox/.test(control.type)) {
    const { checked, defaultChecked } = control as HTMLInputElement;
    return checked === defaultChecked ? undefined : checked;
  }
  return control.value === control.defaultValue ? undefined : control.value;
}

function put(control: Control, value: Typed): void {
  if ("options" in control) for (const option of control.options) option.selected = (value as string[]).includes(option.value);
  else if (typeof value === "boolean") (control as HTMLInputElement).checked = value;
  else control.value = value as string;
}

const here = (): string => location.pathname + location.search;

/** Before the load. */
export function keepFields(): void {
  try {
    const kept = [...controls()].flatMap(([name, control]) => {
      const value = typed(control);
      return value === undefined ? [] : [[name, value]];
    });
    if (kept.length) sessionStorage.setItem(KEY, JSON.stringify({ at: Date.now(), here: here(), kept }));
  } catch {
    // Storage is blocked or full: what was typed is lost, as in any load.
  }
}

/** After it, as soon as the page's controls are there. */
export function restoreFields(): void {
  try {
    const text = sessionStorage.getItem(KEY);
    if (!text) return;
    sessionStorage.removeItem(KEY);
    const said = JSON.parse(text) as { at: number; here: string; kept: [string, Typed][] };
    if (said.here !== here() || Date.now() - said.at > SOON) return;
    const there = controls();
    for (const [name, value] of said.kept) {
      const control = there.get(name);
      if (control) put(control, value);
    }
  } catch {
    // Storage is blocked.
  }
}

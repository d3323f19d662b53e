/** What a site's own scripts may use: `window.consentry`, set by guard.js before any other script runs. */

export interface ConsentryState {
  /** Whether the visitor has answered. */
  readonly decided: boolean;
  /** Whether the question still has to be asked, for all or for what is new. */
  readonly ask: boolean;
  /** Purposes allowed as a whole. */
  readonly purposes: readonly string[];
  /** Every service allowed, by its purpose or by itself. */
  readonly services: readonly string[];
  readonly duration: "persistent" | "session" | null;
}

/** Where a visitor said yes, for what starts on the page after. */
export interface Landing {
  readonly url: string;
  readonly referrer: string;
}

export interface Consentry {
  /** Whether a purpose, or one service, may run now. Only a convenience: the server and the browser enforce it. */
  allows(what: string | { readonly service: string }): boolean;
  /** Calls `fn` after every change of the answer, in this tab or another; returns how to stop. */
  on(event: "change", fn: (state: ConsentryState) => void): () => void;
  readonly state: ConsentryState;
  /**
   * The page before, if it was there that the visitor allowed a service that starts only now: its URL and its referrer,
   * once. Else null.
   */
  readonly landing: Landing | null;
}

declare global {
  interface Window {
    /** Absent where the page was made without the guard. */
    readonly consentry?: Consentry;
  }
  interface DocumentEventMap {
    "consentry:change": CustomEvent<ConsentryState>;
  }
}

/**
 * Steps in front of WebRTC: a peer connection asks no STUN or TURN server of a host that is not allowed.
 *
 * No Content-Security-Policy does. Best effort: a script that may run can still connect to an address that it has been
 * told by other means.
 *
 * Source: WebRTC 1.0 §4.2 (RTCConfiguration).
 */

import { withoutStrangers } from "./hosts";
import { around, type Realm } from "./override";

export function guardPeers(realm: Realm, allowed: readonly string[]): void {
  const { prototype } = realm.RTCPeerConnection ?? {};
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection"]) {
    around(realm, name, (native) => new Proxy(native, {
      construct: (made, [config, ...rest], as) => Reflect.construct(made, [withoutStrangers(config, allowed), ...rest], as) as object,
    }));
  }
  around(prototype, "constructor", () => realm.RTCPeerConnection as never);
  around(prototype, "setConfiguration", (native) => function (config) {
    return native.call(this, withoutStrangers(config, allowed));
  });
}

/**
 * Tells the other side of a stream that its bytes were read only when half of the window is used up.
 *
 * libp2p's yamux answers every data frame with an update of the window: an idle peer then writes twice as often as it has
 * something to say, and each write costs as much as the message. Other implementations of yamux wait for half a window, and
 * the other side cannot tell the difference. The muxer has no setting for it, so its method is replaced on single streams;
 * a version that has no such method is left as it is.
 */
import type { Stream } from '@libp2p/interface';

interface YamuxStream {
  state: number;
  recvWindow: number;
  recvWindowCapacity: number;
  sendWindowUpdate: () => void;
}

/** The first update of a stream also acknowledges it, and a paused stream has rules of its own. */
const ESTABLISHED = 3;

export function updateWindowSeldom(stream: Stream): void {
  const yamux = stream as unknown as Partial<YamuxStream>;
  if (typeof yamux.sendWindowUpdate !== 'function' || typeof yamux.recvWindow !== 'number' || typeof yamux.recvWindowCapacity !== 'number') return;
  const inner = yamux as YamuxStream;
  const update = inner.sendWindowUpdate.bind(stream);
  inner.sendWindowUpdate = () => {
    if (inner.state !== ESTABLISHED || inner.recvWindowCapacity <= inner.recvWindow / 2) update();
  };
}

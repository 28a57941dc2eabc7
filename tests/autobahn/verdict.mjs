// What Autobahn would say of a transcript, and whether two transcripts of one case say the same.
// Judges data only.

/**
 * { behaviour, closing, code }: the behaviour is OK, NON-STRICT or FAILED by the events; the closing is OK,
 * WRONG SIDE, WRONG CODE, UNCLEAN or NOT CLOSED. A stream dropped without a Close is accepted where clean isn't asked.
 */
export function verdict(example, transcript) {
  return {
    behaviour: behaviour(example, transcript.events),
    closing: closing(example.close, transcript),
    code: transcript.code,
  };
}

/** Empty when the gateway changes nothing that matters, else what differs. */
export function differences(example, direct, through) {
  const [a, b] = [direct, through].map((transcript) => verdict(example, transcript));
  const found = [];
  if (example.informational) {
    if (through.ended === 'late') found.push('it did not end behind the gateway');
    return found;
  }
  if (!passes(a)) found.push(`directly: ${describe(a, direct)}`);
  if (!passes(b)) found.push(`through wsgate: ${describe(b, through)}`);
  if (found.length > 0) return found;
  if (a.behaviour !== b.behaviour) {
    found.push(`${a.behaviour} directly, ${b.behaviour} through wsgate`);
  }
  if (a.code !== b.code) found.push(`close code ${a.code} directly, ${b.code} through wsgate`);
  if (direct.negotiated !== through.negotiated) {
    found.push(`extensions "${direct.negotiated}" directly, "${through.negotiated}" through wsgate`);
  }
  return found;
}

function passes({ behaviour: events, closing: end }) {
  return events !== 'FAILED' && end === 'OK';
}

function behaviour({ ok, nonStrict }, events) {
  if (same(events, ok)) return 'OK';
  return nonStrict && same(events, nonStrict) ? 'NON-STRICT' : 'FAILED';
}

function closing({ by, codes, clean }, { first, code, ended }) {
  if (ended === 'late') return 'NOT CLOSED';
  if (code === null) return clean ? 'UNCLEAN' : 'OK';
  if (!codes.includes(code)) return 'WRONG CODE';
  if (first !== by) return 'WRONG SIDE';
  return clean && ended !== 'fin' ? 'UNCLEAN' : 'OK';
}

function same(events, wanted) {
  return events.length === wanted.length && events.every((it, n) => it === wanted[n]);
}

function describe({ behaviour: events, closing: end }, transcript) {
  const { first, code, ended } = transcript;
  const seen = transcript.events.length > 6
    ? [...transcript.events.slice(0, 5), `… ${transcript.events.length} in all`] : transcript.events;
  return `${events}, closing ${end} [${seen.join(', ')}] first=${first} code=${code} ended=${ended}`;
}

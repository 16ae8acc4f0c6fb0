/**
 * From bytes to text, for looking at and parsing; what is kept and served stays bytes.
 *
 * A byte order mark wins, then the HTTP header, then the XML declaration, then UTF-8. Bytes that are no such text become
 * replacement characters, and an encoding that nobody knows is read as windows-1252: a feed with a broken letter is better
 * than none.
 */
const DECLARATION_BYTES = 256;

export function decodeText(bytes: Uint8Array, charset: string | undefined): string {
  return decoderFor(encodingOf(bytes, charset)).decode(bytes);
}

function encodingOf(bytes: Uint8Array, charset: string | undefined): string {
  const [a, b, c, d] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0x00 && b === 0x3c && c === 0x00 && d !== 0x00) return 'utf-16be';
  if (a === 0x3c && b === 0x00 && c !== 0x00 && d === 0x00) return 'utf-16le';
  const declared = /^\s*<\?xml[^>]*?\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(new TextDecoder('latin1').decode(bytes.subarray(0, DECLARATION_BYTES)))?.[1];
  // A declaration that could be read as single bytes is not UTF-16, whatever it says.
  const usable = [charset, declared].find((name) => name !== undefined && !/^(utf-?16|ucs-?2|utf-?32)/i.test(name));
  return usable ?? 'utf-8';
}

function decoderFor(encoding: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(encoding);
  } catch {
    return new TextDecoder('windows-1252');
  }
}

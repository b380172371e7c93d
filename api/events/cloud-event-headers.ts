/** The headers of a request, each as often as it was sent. */
export type SentHeaders = Readonly<Record<string, string | string[] | undefined>>

/** What an attribute says, or why its header cannot be read. */
type ReadAttribute = { readonly text: string } | { readonly fault: { readonly msg: string; readonly type: string } }

const REQUIRED = ['ce-specversion', 'ce-id', 'ce-source', 'ce-type'] as const

/** Whether a request carries a CloudEvent in its headers, with the body as its data, or tries to. */
export function isBinaryCloudEvent(headers: SentHeaders): boolean {
  for (const name of REQUIRED) if (headers[name] !== undefined) return true
  return false
}

/** The attributes that stand in headers, by their names. */
export function readAttributes(headers: SentHeaders): [attribute: string, read: ReadAttribute][] {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith('ce-'))
    .map(([name, sent = []]) => [name.slice(3), readAttribute([sent].flat())])
}

// As section 3.1.3.2 of the HTTP binding tells: quotes are taken off, then percent codes are decoded once, as UTF-8.
function readAttribute([sent = '', ...others]: readonly string[]): ReadAttribute {
  if (others.length > 0) return fault('must stand once', 'header_repeated')
  if (/[^\t\x20-\x7e]/.test(sent)) return fault('must have characters beyond ASCII percent-encoded', 'header_encoding')
  const text = sent.startsWith('"') ? unquoted(sent) : sent
  if (text === undefined) return fault('must end with the quote that it begins with', 'header_encoding')
  try {
    return { text: decodeURIComponent(text) }
  } catch {
    return fault('must have percent codes that are UTF-8, and no other percent sign', 'header_encoding')
  }
}

function unquoted(text: string): string | undefined {
  return /^"((?:[^"\\]|\\.)*)"$/.exec(text)?.[1]?.replaceAll(/\\(.)/g, '$1')
}

function fault(msg: string, type: string): ReadAttribute {
  return { fault: { msg, type } }
}

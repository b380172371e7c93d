import { hostOf, isAddress, isPublicAddress } from './public-address.ts'

/**
 * What is wrong with the URL of an endpoint; undefined when it can be sent to. A name is looked up only when it is sent
 * to, and what it leads to then is checked again.
 */
export function findUrlFault(text: string, { allowPrivate }: { allowPrivate: boolean }): string | undefined {
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return 'must be a URL with http or https'
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or a password'
  if (url.hash !== '') return 'must not contain a fragment'
  if (allowPrivate || !isPrivateHost(hostOf(url))) return undefined
  return 'must lead to the open internet, not to this machine or a private network'
}

function isPrivateHost(host: string): boolean {
  return isAddress(host) ? !isPublicAddress(host) : /(^|\.)(localhost|local|internal)\.?$/.test(host)
}

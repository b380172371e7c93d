import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { SECRET_PREFIX } from '../../shared/webhooks/signature.ts'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** A new secret for signing: 32 bytes of chance. */
export function createSecret(): string {
  return `${SECRET_PREFIX}${randomBytes(32).toString('base64')}`
}

/** Encrypts a secret for its endpoint with AES-256-GCM: nonce, tag, text. Only the row it was made for can open it. */
export function sealSecret(secret: string, { key, endpointId }: { key: Buffer; endpointId: string }): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(endpointId))
  const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), text])
}

/** The inverse of `sealSecret`. Throws when the key or the endpoint is another one, or a byte was changed. */
export function openSecret(sealed: Buffer, { key, endpointId }: { key: Buffer; endpointId: string }): string {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES))
  decipher.setAAD(Buffer.from(endpointId)).setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  const text = sealed.subarray(NONCE_BYTES + TAG_BYTES)
  return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8')
}

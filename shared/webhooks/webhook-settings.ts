import { hkdfSync } from 'node:crypto'
import type { Config } from '../config.ts'

/** What web and workers must agree on about webhooks. */
export interface WebhookSettings {
  /** Encrypts the secrets of endpoints: 32 bytes. */
  readonly sealingKey: Buffer
  /** Whether endpoints may be on this machine or in a private network. */
  readonly allowPrivate: boolean
  /** How long what was delivered is kept. */
  readonly retentionDays: number
}

/** The purpose is part of the key, so that nothing else made of the installation's secret opens what is sealed. */
export function webhookSettings({ secret, webhookPrivateAddresses, webhookRetentionDays }: Config): WebhookSettings {
  const sealingKey = Buffer.from(hkdfSync('sha256', secret, '', 'tabkeeper webhook secrets', 32))
  return { sealingKey, allowPrivate: webhookPrivateAddresses === 'allow', retentionDays: webhookRetentionDays }
}

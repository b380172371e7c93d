import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'

// Parameters of OWASP's password storage cheat sheet: N = 2^14, r = 8, p = 5, about 16 MB for each check.
const COST = 2 ** 14
const BLOCK_SIZE = 8
const PARALLELIZATION = 5
const KEY_BYTES = 32
const SALT_BYTES = 16

/** A password as it is stored: algorithm, parameters, salt and key, each divided by `$`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const key = await derive(password, salt, { N: COST, r: BLOCK_SIZE, p: PARALLELIZATION })
  return ['scrypt', COST, BLOCK_SIZE, PARALLELIZATION, salt.toString('base64url'), key.toString('base64url')].join('$')
}

/** Whether the password is the one that was hashed. Without a hash it takes as long and answers no. */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  const [, cost, blockSize, parallelization, salt = '', key = ''] = (hash ?? UNKNOWN_USER).split('$')
  const expected = Buffer.from(key, 'base64url')
  const presented = await derive(password, Buffer.from(salt, 'base64url'), {
    N: Number(cost),
    r: Number(blockSize),
    p: Number(parallelization),
  })
  return presented.length === expected.length && timingSafeEqual(presented, expected) && hash !== undefined
}

// Checked in place of a missing hash, so that the time of an answer does not tell which names exist.
const UNKNOWN_USER = ['scrypt', COST, BLOCK_SIZE, PARALLELIZATION, 'AAAAAAAAAAAAAAAAAAAAAA', 'A'.repeat(43)].join('$')

function derive(password: string, salt: Buffer, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, KEY_BYTES, { ...options, maxmem: 64 * 1024 * 1024 }, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}

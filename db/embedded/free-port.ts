import { createServer } from 'node:net'

/** A port of this address that nobody listens on at the moment. */
export async function findFreePort(host: string): Promise<number> {
  return (await tryListen(host, 0)) as number
}

/** Whether somebody listens on the port of this address. */
export async function isPortTaken(host: string, port: number): Promise<boolean> {
  return (await tryListen(host, port)) === undefined
}

function tryListen(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(port, host, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })
}

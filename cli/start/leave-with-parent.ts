// Loaded with --import into every process that a runner starts. The channel to the runner closes when the runner is
// gone, `kill -9` included: the process then ends as if it had been asked to, so that nothing is left behind.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()

// A server without a line about tracing. PORT on stdout; what it does is in the path.
const { createServer } = require('node:http')

if (process.env.OWN_SIGTERM) process.on('SIGTERM', () => server.close())
const server = createServer((request, response) => {
  if (request.url === '/crash') setTimeout(() => JSON.parse('{'), 5)
  else if (request.url === '/exit') setTimeout(() => process.exit(3), 5)
  else if (request.url === '/hang') return
  else response.end('hello')
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))

// fastify with node:sqlite: a route, statements with values in their text, and one that fails.
import { DatabaseSync } from 'node:sqlite'
import fastify from 'fastify'

const database = new DatabaseSync(':memory:')
database.exec("CREATE TABLE lamps (id INTEGER, name TEXT); INSERT INTO lamps VALUES (1, 'red')")
const app = fastify()
app.get('/lamps/:id', (request) => database.prepare('SELECT * FROM lamps WHERE id = ?').get(request.params.id))
app.get('/secret', () => database.prepare("SELECT * FROM lamps WHERE name = 'red'").all())
app.get('/wrong', async () => database.exec("INSERT INTO missing VALUES ('secret')"))
app.get('/end', () => {
  setTimeout(() => void app.close(), 20)
  return 'bye'
})
await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${app.server.address().port}\n`)

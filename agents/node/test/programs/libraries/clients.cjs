// Asks a server of each kind, with the word that nobody else must see: secret. Nothing here speaks of tracing.
module.exports = async function main({
  pg,
  mysql,
  mysqlPromise,
  MongoClient,
  createClient,
  Redis,
  amqplib,
  Kafka,
  api,
}) {
  const { PG_PORT, MYSQL_PORT, MONGODB_PORT, REDIS_PORT, AMQP_PORT, BROKER, TOPIC } = process.env
  const host = '127.0.0.1'
  const request = (name, run) =>
    api.trace.getTracer('program').startActiveSpan(name, async (span) => {
      await run()
      span.end()
    })
  const failing = (promise) => promise.catch(() => {})

  await request('pg', async () => {
    const client = new pg.Client({ host, port: PG_PORT, user: 'shop', database: 'postgres' })
    await client.connect()
    await client.query('CREATE TABLE IF NOT EXISTS lamps (name TEXT)')
    await client.query('INSERT INTO lamps VALUES ($1)', ['secret'])
    await client.query({ name: 'by name', text: 'SELECT name FROM lamps WHERE name = $1', values: ['secret'] })
    await new Promise((resolve) => client.query("SELECT name FROM lamps WHERE name = 'secret'", resolve))
    await failing(client.query("SELECT 'secret' FROM missing"))
    await client.end()
  })
  await request('pg pool', async () => {
    const pool = new pg.Pool({ host, port: PG_PORT, user: 'shop', database: 'postgres' })
    await Promise.all(['a', 'b'].map((colour) => pool.query(`SELECT '${colour} secret'`)))
    await pool.end()
  })
  await request('mysql2', async () => {
    const connection = await mysqlPromise.createConnection({ host, port: MYSQL_PORT, user: 'root' })
    await connection.query('CREATE DATABASE IF NOT EXISTS shop')
    await connection.query('CREATE TABLE IF NOT EXISTS shop.lamps (name VARCHAR(20))')
    await connection.query('INSERT INTO shop.lamps VALUES (?)', ['secret'])
    await connection.execute('SELECT name FROM shop.lamps WHERE name = ?', ['secret'])
    await failing(connection.query('SELECT "secret" FROM shop.missing'))
    await connection.end()
  })
  await request('mysql2 pool', async () => {
    const pool = mysql.createPool({ host, port: MYSQL_PORT, user: 'root', database: 'shop' })
    await new Promise((resolve, reject) =>
      pool.query("SELECT name FROM lamps WHERE name = 'secret'", (error) => (error ? reject(error) : resolve())),
    )
    await new Promise((resolve) => pool.end(resolve))
  })
  await request('mongodb', async () => {
    const client = new MongoClient(`mongodb://${host}:${MONGODB_PORT}`)
    await client.connect()
    const lamps = client.db('shop').collection('lamps')
    await lamps.insertOne({ name: 'secret' })
    await lamps.findOne({ name: 'secret' })
    await lamps.updateOne({ name: 'secret' }, { $set: { name: 'secret' } })
    await lamps.aggregate([{ $match: { name: 'secret' } }]).toArray()
    await failing(client.db('shop').command({ nonsense: 'secret' }))
    await client.close()
  })
  await request('redis', async () => {
    const client = createClient({ socket: { host, port: Number(REDIS_PORT) } })
    await client.connect()
    await client.set('lamp', 'secret')
    await client.get('lamp')
    await client.multi().hSet('lamps', 'red', 'secret').hGet('lamps', 'red').exec()
    await client.eval('return ARGV[1]', { keys: ['lamp'], arguments: ['secret'] })
    await failing(client.sendCommand(['NONSENSE']))
    await (client.close ?? client.quit).call(client)
  })
  await request('ioredis', async () => {
    const client = new Redis({ host, port: Number(REDIS_PORT) })
    await client.set('lamp', 'secret')
    await client.get('lamp')
    await client.multi().hset('lamps', 'red', 'secret').hget('lamps', 'red').exec()
    await client.eval('return ARGV[1]', 1, 'lamp', 'secret')
    await failing(client.call('NONSENSE'))
    await client.quit()
  })
  await request('amqplib', async () => {
    const connection = await amqplib.connect(`amqp://guest:guest@${host}:${AMQP_PORT}/`)
    const channel = await connection.createChannel()
    await channel.assertQueue('lamps')
    const consumed = new Promise((resolve) =>
      channel.consume('lamps', (message) => {
        api.trace.getActiveSpan()?.setAttribute('within', true)
        channel.ack(message)
        resolve()
      }),
    )
    channel.sendToQueue('lamps', Buffer.from('secret'))
    await consumed
    const confirming = await connection.createConfirmChannel()
    await new Promise((resolve) => confirming.publish('', 'nowhere', Buffer.from('secret'), {}, resolve))
    await connection.close()
  })
  if (Kafka !== undefined) {
    await request('kafkajs', async () => {
      const kafka = new Kafka({ brokers: [BROKER], logLevel: 0 })
      const admin = kafka.admin()
      await admin.connect()
      await admin.createTopics({ topics: [{ topic: TOPIC }] })
      await admin.disconnect()
      const producer = kafka.producer()
      await producer.connect()
      await producer.send({ topic: TOPIC, messages: [{ key: 'red', value: 'secret' }, { value: 'secret' }] })
      await producer.disconnect()
      const consumer = kafka.consumer({ groupId: TOPIC })
      await consumer.connect()
      await consumer.subscribe({ topics: [TOPIC], fromBeginning: true })
      let left = 2
      await new Promise((resolve) =>
        consumer.run({
          async eachMessage() {
            api.trace.getActiveSpan()?.setAttribute('within', true)
            if (--left === 0) setImmediate(resolve)
          },
        }),
      )
      await consumer.disconnect()
    })
  }
  process.exit(0)
}

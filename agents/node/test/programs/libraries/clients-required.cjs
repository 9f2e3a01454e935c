const kafka = process.env.BROKER === undefined ? {} : require('kafkajs')

void require('./clients.cjs')({
  pg: require('pg'),
  mysql: require('mysql2'),
  mysqlPromise: require('mysql2/promise'),
  MongoClient: require('mongodb').MongoClient,
  createClient: require('redis').createClient,
  Redis: require('ioredis').Redis ?? require('ioredis'),
  amqplib: require('amqplib'),
  Kafka: kafka.Kafka,
  api: require('@opentelemetry/api'),
})

void require('./all.cjs')({
  express: require('express'),
  Koa: require('koa'),
  Router: require('@koa/router').Router,
  fastify: require('fastify'),
  graphql: require('graphql'),
  grpc: require('@grpc/grpc-js'),
  Redis: require('ioredis').Redis,
  Pool: require('pg').Pool,
  pino: require('pino'),
  winston: require('winston'),
})

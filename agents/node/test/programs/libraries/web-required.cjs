require('reflect-metadata')

void require('./web.cjs')({
  express: require('express'),
  Koa: require('koa'),
  Router: require('@koa/router').Router ?? require('@koa/router'),
  nest: { ...require('@nestjs/common'), ...require('@nestjs/core'), ...require('@nestjs/platform-fastify') },
})

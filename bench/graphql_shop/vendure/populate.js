// Makes the tables and fills them with Vendure's sample data, as `npx @vendure/create` does.

const path = require('node:path');
const { bootstrap, JobQueueService } = require('@vendure/core');
const { populate } = require('@vendure/core/cli');
const { config, samples } = require('./config.js');

async function start() {
  const app = await bootstrap(config);
  await app.get(JobQueueService).start();
  return app;
}

populate(start, path.join(samples, 'initial-data.json'), path.join(samples, 'products.csv'))
  .then((app) => app.close())
  .then(() => process.exit(0))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });

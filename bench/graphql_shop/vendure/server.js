// Serves the shop, and works off its jobs. Says its address once it listens.

const { bootstrap, JobQueueService } = require('@vendure/core');
const { config } = require('./config.js');

bootstrap(config)
  .then(async (app) => {
    await app.get(JobQueueService).start();
    console.log(`listening on http://127.0.0.1:${config.apiOptions.port}`);
  })
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });

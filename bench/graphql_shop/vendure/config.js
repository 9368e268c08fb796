// The configuration that `npx @vendure/create` writes, for a database and a port that the environment names.

const path = require('node:path');
const { DefaultJobQueuePlugin, DefaultLogger, DefaultSchedulerPlugin, DefaultSearchPlugin, LogLevel,
  dummyPaymentHandler } = require('@vendure/core');
const { AssetServerPlugin } = require('@vendure/asset-server-plugin');

const database = new URL(process.env.SHOP_DATABASE);
const samples = path.join(path.dirname(require.resolve('@vendure/create/package.json')), 'assets');

module.exports = {
  samples,
  config: {
    apiOptions: { hostname: '127.0.0.1', port: Number(process.env.SHOP_PORT), adminApiPath: 'admin-api', shopApiPath: 'shop-api',
      cors: { origin: [], credentials: true } },
    authOptions: {
      tokenMethod: ['bearer', 'cookie'],
      superadminCredentials: { identifier: 'staff', password: 'password of a trial' },
      cookieOptions: { secret: 'of a trial' },
      // Nobody reads the mail of a trial.
      requireVerification: false,
    },
    dbConnectionOptions: {
      type: 'postgres', synchronize: process.env.SHOP_POPULATE === 'yes', logging: false,
      host: database.hostname, port: Number(database.port), username: database.username, password: '',
      database: database.pathname.slice(1),
    },
    logger: new DefaultLogger({ level: LogLevel.Warn }),
    paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
    importExportOptions: { importAssetsDir: path.join(samples, 'images') },
    plugins: [
      AssetServerPlugin.init({ route: 'assets', assetUploadDir: path.join(process.env.SHOP_HOME, 'assets') }),
      DefaultSchedulerPlugin.init(),
      DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true }),
      DefaultSearchPlugin.init({ bufferUpdates: false, indexStockStatus: true }),
    ],
  },
};

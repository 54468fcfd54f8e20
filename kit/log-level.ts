/** How severe a log line is. Apart from the log: settings name levels, and reading them waits for no logger's package. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

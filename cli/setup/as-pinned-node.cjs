/**
 * Loaded into npm by the set-up. npm leaves out, without a word, optional packages whose `engines` the Node it runs on
 * does not meet, such as the compiled parts of the bundler on Debian's Node 18; but they will run on the pinned one,
 * so its version is what npm has to compare with. Programs that npm starts do not inherit this.
 */
Object.defineProperty(process, 'version', { value: process.env.PICKET_INTERNAL_PINNED_NODE });
delete process.env.NODE_OPTIONS;

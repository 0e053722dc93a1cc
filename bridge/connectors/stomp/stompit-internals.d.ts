declare module 'stompit/lib/IncomingFrameStream.js' {
  const IncomingFrameStream: unknown;
  export default IncomingFrameStream;
}

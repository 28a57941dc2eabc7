// Promises around SocketTasks, for tests. Knows only their callbacks.

/** The task once it is open. */
export function opened(task) {
  return new Promise((resolve, reject) => {
    task.onOpen(() => resolve(task));
    task.onError(({ errMsg }) => reject(new Error(errMsg)));
  });
}

/** Closes and gives what the app is told of it. */
export function closed(task, options) {
  return new Promise((resolve) => {
    task.onClose(resolve);
    task.close(options);
  });
}

/** The error of a socket that must not open. */
export function refused(wx, options) {
  return new Promise((resolve, reject) => {
    const task = wx.connectSocket(options);
    task.onError(({ errMsg }) => resolve(errMsg));
    task.onOpen(() => reject(new Error(`${options.url} opened`)));
  });
}

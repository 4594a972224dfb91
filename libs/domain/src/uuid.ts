const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text is a UUID in our form. Other texts are no id of a document, a line or a row. */
export const isUuid = (text: string): boolean => UUID.test(text);

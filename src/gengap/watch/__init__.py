"""A study's report, live in a browser while its trials run.

    the folder's files -> seen.look -> StudySnapshot -> editions.PageVersion -> server.Server -> http://127.0.0.1:PORT/

The page is made of files alone, so that the study and the server can begin, end and begin again in any order.
"""

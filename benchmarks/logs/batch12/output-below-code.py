import tensorflow as tf

with tf.Session() as sess:
    for epoch in range(TOTAL_EPOCH):
        print("Epoch [{:2d}/{}], train loss = {:.6f}, valid loss = {:.6f}".format(epoch + 1, TOTAL_EPOCH, loss, valid))

'''
GTX 1080Ti
Epoch [ 1/20], train loss = 1.304101, train accuracy = 90.00%, valid loss = 1.296432, valid accuracy = 89.00%, duration = 6.000000(s)
Epoch [ 2/20], train loss = 1.119759, train accuracy = 90.40%, valid loss = 1.123503, valid accuracy = 89.40%, duration = 6.111111(s)
Epoch [ 3/20], train loss = 0.978718, train accuracy = 90.80%, valid loss = 0.996791, valid accuracy = 89.80%, duration = 6.222222(s)
Epoch [ 4/20], train loss = 0.876551, train accuracy = 91.20%, valid loss = 0.892661, valid accuracy = 90.20%, duration = 6.333333(s)
Epoch [ 5/20], train loss = 0.797806, train accuracy = 91.60%, valid loss = 0.809502, valid accuracy = 90.60%, duration = 6.444444(s)
Epoch [ 6/20], train loss = 0.725203, train accuracy = 92.00%, valid loss = 0.754021, valid accuracy = 91.00%, duration = 6.555556(s)
Epoch [ 7/20], train loss = 0.666675, train accuracy = 92.40%, valid loss = 0.699425, valid accuracy = 91.40%, duration = 6.666667(s)
Epoch [ 8/20], train loss = 0.631701, train accuracy = 92.80%, valid loss = 0.656009, valid accuracy = 91.80%, duration = 6.777778(s)
Epoch [ 9/20], train loss = 0.607759, train accuracy = 93.20%, valid loss = 0.629843, valid accuracy = 92.20%, duration = 6.888889(s)
Epoch [10/20], train loss = 0.579792, train accuracy = 93.60%, valid loss = 0.610793, valid accuracy = 92.60%, duration = 7.000000(s)
Epoch [11/20], train loss = 0.554724, train accuracy = 94.00%, valid loss = 0.589525, valid accuracy = 93.00%, duration = 7.111111(s)
Epoch [12/20], train loss = 0.543240, train accuracy = 94.40%, valid loss = 0.577461, valid accuracy = 93.40%, duration = 7.222222(s)
Epoch [13/20], train loss = 0.535174, train accuracy = 94.80%, valid loss = 0.563401, valid accuracy = 93.80%, duration = 7.333333(s)
Epoch [14/20], train loss = 0.525162, train accuracy = 95.20%, valid loss = 0.555916, valid accuracy = 94.20%, duration = 7.444444(s)
Epoch [15/20], train loss = 0.522052, train accuracy = 95.60%, valid loss = 0.549217, valid accuracy = 94.60%, duration = 7.555556(s)
Epoch [16/20], train loss = 0.511223, train accuracy = 96.00%, valid loss = 0.542058, valid accuracy = 95.00%, duration = 7.666667(s)
Epoch [17/20], train loss = 0.504409, train accuracy = 96.40%, valid loss = 0.539594, valid accuracy = 95.40%, duration = 7.777778(s)
Epoch [18/20], train loss = 0.502581, train accuracy = 96.80%, valid loss = 0.538221, valid accuracy = 95.80%, duration = 7.888889(s)
Epoch [19/20], train loss = 0.504404, train accuracy = 97.20%, valid loss = 0.535312, valid accuracy = 96.20%, duration = 8.000000(s)
Epoch [20/20], train loss = 0.501211, train accuracy = 97.60%, valid loss = 0.531735, valid accuracy = 96.60%, duration = 8.111111(s)
<<< Train Finished >>>
Test Accraucy : 97.20%
'''
